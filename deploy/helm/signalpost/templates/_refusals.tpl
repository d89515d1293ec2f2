{{/* What the schema cannot say: each refusal is a sentence with what to do. */}}
{{- define "signalpost.refusals" -}}
{{- $routes := .Values.routes }}
{{- if and (not $routes.content) (not $routes.existingConfigMap) }}
{{- fail "\n\nThere are no routes. Give the routing file: --set-file routes.content=routes.toml; or name a ConfigMap that has it under the key routes.toml: routes.existingConfigMap." }}
{{- end }}
{{- if and $routes.content $routes.existingConfigMap }}
{{- fail "\n\nroutes.content and routes.existingConfigMap are both given; keep one of them." }}
{{- end }}
{{- if and $routes.files $routes.existingConfigMap }}
{{- fail "\n\nroutes.files is given beside routes.existingConfigMap; put the files into that ConfigMap." }}
{{- end }}
{{- if gt (len (toJson (dict "content" $routes.content "files" $routes.files))) 1000000 }}
{{- fail "\n\nThe routing file and the files beside it do not fit into a ConfigMap (1 MiB). Make schemas smaller, or split the routes between two releases." }}
{{- end }}
{{- if not .Values.temporal.address }}
{{- fail "\n\nWhere is Temporal? Give temporal.address, for example temporal-frontend.temporal:7233." }}
{{- end }}
{{- if and (hasPrefix "http://" .Values.temporal.address) (or .Values.temporal.apiKeySecret.name .Values.temporal.tls.secretName) }}
{{- fail "\n\nAn API key or a certificate for Temporal would go over http:// in clear; give temporal.address without it, or with https://." }}
{{- end }}
{{- include "signalpost.refusals.store" . }}
{{- end }}

{{- define "signalpost.refusals.store" -}}
{{- $redis := .Values.store.redis }}
{{- if eq .Values.store.kind "embedded" }}
{{- if or $redis.url $redis.urlSecret.name }}
{{- fail "\n\nstore.redis has an address, and store.kind is embedded; set store.kind=redis, or take the address out." }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- fail "\n\nautoscaling is for store.kind=redis: one process owns an embedded store." }}
{{- end }}
{{- $size := include "signalpost.kib" .Values.store.embedded.size }}
{{- $kept := include "signalpost.kib" .Values.store.embedded.retentionSize }}
{{- if and $size $kept }}
{{- if gt (add (int64 $kept) 524288) (int64 $size) }}
{{- fail (printf "\n\nstore.embedded.retentionSize (%s) leaves no 512 MiB of store.embedded.size (%s) for the write-ahead log and what is pending; make the volume larger or the retention smaller." .Values.store.embedded.retentionSize .Values.store.embedded.size) }}
{{- end }}
{{- end }}
{{- else }}
{{- if and $redis.url $redis.urlSecret.name }}
{{- fail "\n\nstore.redis.url and store.redis.urlSecret are both given; keep one of them." }}
{{- end }}
{{- if and $redis.urlSecret.name .Values.networkPolicy.enabled (not .Values.networkPolicy.egress.redisPorts) }}
{{- fail "\n\nRedis' address is in a Secret, so the NetworkPolicy cannot know its port; give networkPolicy.egress.redisPorts, for example [6379]." }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "\n\nautoscaling.minReplicas is above autoscaling.maxReplicas." }}
{{- end }}
{{- end }}
{{- end }}
