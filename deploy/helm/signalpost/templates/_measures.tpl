{{/* Numbers that are made of values: durations, sizes, ports. */}}

{{/* Of a duration such as 1m30s, in milliseconds. */}}
{{- define "signalpost.milliseconds" -}}
{{- $units := dict "d" 86400000 "h" 3600000 "m" 60000 "s" 1000 "ms" 1 }}
{{- $total := 0 }}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 }}
{{- $total = add $total (mul (regexFind "^[0-9]+" . | int64) (get $units (regexFind "[a-z]+$" .))) }}
{{- end }}
{{- $total }}
{{- end }}

{{/* The kill comes ten seconds after the drain's end, rounded up. */}}
{{- define "signalpost.grace" -}}
{{- $delay := include "signalpost.milliseconds" .Values.drain.delay | int64 }}
{{- $drain := include "signalpost.milliseconds" .Values.drain.timeout | int64 }}
{{- add 10 (div (add $delay $drain 999) 1000) }}
{{- end }}

{{/* Of a size such as 10Gi or 512MiB, in KiB; empty if it is written otherwise. */}}
{{- define "signalpost.kib" -}}
{{- $units := dict "Ki" 1 "Mi" 1024 "Gi" 1048576 "Ti" 1073741824 }}
{{- if regexMatch "^[0-9]+[KMGT]iB?$" . }}
{{- mul (regexFind "^[0-9]+" . | int64) (get $units (regexFind "[KMGT]i" .)) }}
{{- end }}
{{- end }}

{{- define "signalpost.temporalPort" -}}
{{- $address := .Values.temporal.address | trimSuffix "/" }}
{{- if regexMatch ":[0-9]+$" $address }}
{{- regexFind "[0-9]+$" $address }}
{{- else }}
{{- ternary "443" "7233" (hasPrefix "https://" $address) }}
{{- end }}
{{- end }}

{{/* Of all hosts of the address, a list as JSON; behind Sentinels the primary's port is not in it: 6379 is added. */}}
{{- define "signalpost.redisPorts" -}}
{{- $redis := .Values.store.redis }}
{{- $ports := list }}
{{- range .Values.networkPolicy.egress.redisPorts }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- if and (not $ports) $redis.url }}
{{- $sentinel := contains "+sentinel://" $redis.url }}
{{- $hosts := regexReplaceAll "^[a-z+]+://([^@/]*@)?([^/]*).*$" $redis.url "${2}" }}
{{- range splitList "," $hosts }}
{{- if regexMatch ":[0-9]+$" . }}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) }}
{{- else }}
{{- $ports = append $ports (ternary 26379 6379 $sentinel) }}
{{- end }}
{{- end }}
{{- if $sentinel }}
{{- $ports = append $ports 6379 }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}
