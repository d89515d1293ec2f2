{{/* The settings, in the order of the program's own list; then Temporal's, then what the values add. */}}
{{- define "signalpost.env" -}}
- { name: SIGNALPOST_LISTEN, value: "0.0.0.0:8080" }
# For probes and Prometheus it must be reachable, and so it has tokens.
- { name: SIGNALPOST_OPS_LISTEN, value: "0.0.0.0:8081" }
- { name: SIGNALPOST_OPS_TOKENS_FILE, value: /run/secrets/ops/tokens }
{{- if .Values.tls.secretName }}
- { name: SIGNALPOST_TLS_CERT, value: /run/secrets/tls/tls.crt }
- { name: SIGNALPOST_TLS_KEY, value: /run/secrets/tls/tls.key }
{{- if .Values.tls.clientCa }}
- { name: SIGNALPOST_TLS_CLIENT_CA, value: /run/secrets/tls/ca.crt }
{{- end }}
{{- end }}
- { name: SIGNALPOST_ROUTES, value: /etc/signalpost/routes.toml }
{{- include "signalpost.env.store" . }}
- { name: SIGNALPOST_LOG, value: {{ .Values.log.filter | quote }} }
- { name: SIGNALPOST_LOG_FORMAT, value: {{ .Values.log.format }} }
- { name: SIGNALPOST_DRAIN_DELAY, value: {{ .Values.drain.delay }} }
- { name: SIGNALPOST_DRAIN, value: {{ .Values.drain.timeout }} }
{{- include "signalpost.env.temporal" . }}
{{- range $name, $value := .Values.env }}
{{- /* Helm reads numbers as floats: a million would be 1e+06. */}}
- { name: {{ $name }}, value: {{ ternary (printf "%.0f" $value) (toString $value) (kindIs "float64" $value) | quote }} }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "signalpost.env.store" -}}
{{- if eq .Values.store.kind "embedded" }}
- { name: SIGNALPOST_STORE, value: /var/lib/signalpost/signalpost.db }
# Below the volume's size, with room for the write-ahead log.
- { name: SIGNALPOST_RETENTION_SIZE, value: {{ .Values.store.embedded.retentionSize | quote }} }
{{- else }}
{{- with .Values.store.redis }}
{{- if .url }}
- { name: SIGNALPOST_STORE, value: {{ .url | quote }} }
{{- else }}
- name: SIGNALPOST_STORE
  valueFrom:
    secretKeyRef: { name: {{ .urlSecret.name }}, key: {{ .urlSecret.key | quote }} }
{{- end }}
{{- if .passwordSecret.name }}
- { name: SIGNALPOST_REDIS_PASSWORD_FILE, value: /run/secrets/redis/password }
{{- end }}
{{- if .sentinelPasswordSecret.name }}
- { name: SIGNALPOST_REDIS_SENTINEL_PASSWORD_FILE, value: /run/secrets/redis/sentinel-password }
{{- end }}
{{- if .caSecret.name }}
- { name: SIGNALPOST_REDIS_CA, value: /run/secrets/redis/ca.crt }
{{- end }}
{{- if .durability }}
- { name: SIGNALPOST_REDIS_DURABILITY, value: {{ .durability | quote }} }
{{- end }}
{{- if .prefix }}
- { name: SIGNALPOST_REDIS_PREFIX, value: {{ .prefix | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "signalpost.env.temporal" -}}
{{- with .Values.temporal }}
- { name: TEMPORAL_ADDRESS, value: {{ .address | quote }} }
- { name: TEMPORAL_NAMESPACE, value: {{ .namespace | quote }} }
{{- if .uiUrl }}
- { name: TEMPORAL_UI_URL, value: {{ .uiUrl | quote }} }
{{- end }}
{{- if .apiKeySecret.name }}
- { name: SIGNALPOST_TEMPORAL_API_KEY_FILE, value: /run/secrets/temporal-api/key }
{{- end }}
{{- if .tls.secretName }}
- { name: TEMPORAL_TLS, value: "true" }
- { name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /run/secrets/temporal/tls.crt }
- { name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /run/secrets/temporal/tls.key }
{{- if .tls.ca }}
- { name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /run/secrets/temporal/ca.crt }
{{- end }}
{{- end }}
{{- if .tls.serverName }}
- { name: TEMPORAL_TLS_SERVER_NAME, value: {{ .tls.serverName | quote }} }
{{- end }}
{{- end }}
{{- end }}
