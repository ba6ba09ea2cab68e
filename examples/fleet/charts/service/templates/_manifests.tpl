{{/* The reference of an image: a text, or a map with repository and tag, and with or without a registry. */}}
{{- define "service.image" -}}
{{- if kindIs "string" . -}}
{{ . }}
{{- else -}}
{{ with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ .tag }}
{{- end -}}
{{- end -}}

{{/* Deployment and Service of one service: a dict with its `name`, its values as `service`, and the chart as `root`. */}}
{{- define "service.manifests" }}
{{- $labels := dict "app.kubernetes.io/name" .name "app.kubernetes.io/instance" .root.Release.Name }}
{{- $policy := "IfNotPresent" }}
{{- if kindIs "map" .service.image }}{{ $policy = .service.image.pullPolicy | default $policy }}{{ end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ printf "%s-%s" .root.Release.Name .name | trunc 63 }}
  labels: {{- toYaml $labels | nindent 4 }}
    app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
spec:
  replicas: {{ .service.replicas }}
  selector:
    matchLabels: {{- toYaml $labels | nindent 6 }}
  template:
    metadata:
      labels: {{- toYaml $labels | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      containers:
        - name: {{ .name }}
          image: {{ include "service.image" .service.image | quote }}
          imagePullPolicy: {{ $policy }}
          ports: [{ name: http, containerPort: {{ .service.port }} }]
          readinessProbe: { httpGet: { path: /health, port: http } }
          securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1000 }
---
apiVersion: v1
kind: Service
metadata:
  name: {{ printf "%s-%s" .root.Release.Name .name | trunc 63 }}
  labels: {{- toYaml $labels | nindent 4 }}
spec:
  selector: {{- toYaml $labels | nindent 4 }}
  ports: [{ name: http, port: 80, targetPort: http }]
{{- end }}
