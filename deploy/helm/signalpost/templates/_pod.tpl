{{/* The pod of both shapes, and what the check shares with it: the same settings, the same files. */}}

{{- define "signalpost.pod" -}}
serviceAccountName: {{ include "signalpost.serviceAccount" . }}
# It never talks to Kubernetes.
automountServiceAccountToken: false
# Else every Service beside it becomes variables named like settings.
enableServiceLinks: false
# Longer than DRAIN_DELAY + DRAIN: the kill comes after the drain.
terminationGracePeriodSeconds: {{ include "signalpost.grace" . }}
{{- include "signalpost.pod.placement" . }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  - name: signalpost
    {{- include "signalpost.container" . | nindent 4 }}
    args: [serve]
    ports:
      - { name: public, containerPort: 8080 }
      - { name: ops, containerPort: 8081 }
    startupProbe:
      httpGet: { path: /live, port: ops }
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: { path: /live, port: ops }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: { path: /ready, port: ops }
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 2
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      {{- include "signalpost.mounts" . | nindent 6 }}
      {{- if eq .Values.store.kind "embedded" }}
      - { name: store, mountPath: /var/lib/signalpost }
      # For what SQLite sorts beyond its memory.
      - { name: scratch, mountPath: /tmp }
      {{- end }}
volumes:
  {{- include "signalpost.volumes" (dict "chart" . "routes" (include "signalpost.routesConfigMap" .)) | nindent 2 }}
  {{- if eq .Values.store.kind "embedded" }}
  - name: scratch
    emptyDir: { sizeLimit: 1Gi }
  {{- end }}
{{- end }}

{{/* Where pods run. With redis they are spread unless the values say how. */}}
{{- define "signalpost.pod.placement" -}}
{{- include "signalpost.pulling" . }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if hasKey .Values "topologySpreadConstraints" }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else if eq .Values.store.kind "redis" }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "signalpost.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What every pod of the release needs to be pulled and to be put somewhere. */}}
{{- define "signalpost.pulling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Image, privileges and settings. */}}
{{- define "signalpost.container" -}}
image: {{ include "signalpost.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  {{- include "signalpost.env" . | nindent 2 }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
