{{/* Files in the pods. Folders are mounted, never single files: with subPath a change would never arrive. */}}

{{- define "signalpost.mounts" -}}
- { name: routes, mountPath: /etc/signalpost, readOnly: true }
{{- if .Values.secrets }}
- { name: webhooks, mountPath: /run/secrets/webhooks, readOnly: true }
{{- end }}
- { name: ops, mountPath: /run/secrets/ops, readOnly: true }
{{- if include "signalpost.redisFiles" . }}
- { name: redis, mountPath: /run/secrets/redis, readOnly: true }
{{- end }}
{{- if .Values.temporal.tls.secretName }}
- { name: temporal, mountPath: /run/secrets/temporal, readOnly: true }
{{- end }}
{{- if .Values.temporal.apiKeySecret.name }}
- { name: temporal-api, mountPath: /run/secrets/temporal-api, readOnly: true }
{{- end }}
{{- if .Values.tls.secretName }}
- { name: tls, mountPath: /run/secrets/tls, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* With the name of the ConfigMap that has the routes: the check's is another. Modes are 0440. */}}
{{- define "signalpost.volumes" -}}
- name: routes
  configMap: { name: {{ .routes }} }
{{- with .chart.Values.secrets }}
- name: webhooks
  projected:
    defaultMode: 288
    sources:
      {{- range . }}
      - secret:
          {{- toYaml . | nindent 10 }}
      {{- end }}
{{- end }}
{{- with .chart.Values.ops.tokensSecret }}
- name: ops
  secret:
    secretName: {{ .name }}
    defaultMode: 288
    items: [{ key: {{ .key | quote }}, path: tokens }]
{{- end }}
{{- with include "signalpost.redisFiles" .chart }}
- name: redis
  projected:
    defaultMode: 288
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- with .chart.Values.temporal.tls.secretName }}
- name: temporal
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .chart.Values.temporal.apiKeySecret }}
{{- if .name }}
- name: temporal-api
  secret:
    secretName: {{ .name }}
    defaultMode: 288
    items: [{ key: {{ .key | quote }}, path: key }]
{{- end }}
{{- end }}
{{- with .chart.Values.tls.secretName }}
- name: tls
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .chart.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "signalpost.redisFiles" -}}
{{- if eq .Values.store.kind "redis" }}
{{- with .Values.store.redis }}
{{- if .passwordSecret.name }}
- secret: { name: {{ .passwordSecret.name }}, items: [{ key: {{ .passwordSecret.key | quote }}, path: password }] }
{{- end }}
{{- if .sentinelPasswordSecret.name }}
- secret: { name: {{ .sentinelPasswordSecret.name }}, items: [{ key: {{ .sentinelPasswordSecret.key | quote }}, path: sentinel-password }] }
{{- end }}
{{- if .caSecret.name }}
- secret: { name: {{ .caSecret.name }}, items: [{ key: {{ .caSecret.key | quote }}, path: ca.crt }] }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The data of a ConfigMap: the routing file and what stands beside it. */}}
{{- define "signalpost.routesData" -}}
{{- toYaml (merge (dict "routes.toml" .Values.routes.content) .Values.routes.files) }}
{{- end }}
