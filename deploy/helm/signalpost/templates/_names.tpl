{{/* Names and labels. Names leave room for suffixes. */}}

{{- define "signalpost.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "signalpost.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "signalpost.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "signalpost.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "signalpost.labels" -}}
{{ include "signalpost.release" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "signalpost.release" -}}
app.kubernetes.io/name: {{ include "signalpost.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* By these the pods are found, for ever: none that changes with a version. */}}
{{- define "signalpost.selector" -}}
{{ include "signalpost.release" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "signalpost.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "signalpost.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "signalpost.routesConfigMap" -}}
{{- default (printf "%s-routes" (include "signalpost.fullname" .)) .Values.routes.existingConfigMap }}
{{- end }}

{{- define "signalpost.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}
