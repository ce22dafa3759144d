output "cluster_credentials" {
  description = "The command that lets kubectl reach the cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.chat.name} --zone ${var.zone} --project ${var.project}"
}

output "image" {
  description = "The image's name without a tag: k8s/overlays/production/image, and IMAGE in GitHub's variables."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.chat.repository_id}/realtime-chat"
}

output "workload_identity_provider" {
  description = "WORKLOAD_IDENTITY_PROVIDER in GitHub's variables."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "ci_service_account" {
  description = "SERVICE_ACCOUNT in GitHub's variables."
  value       = google_service_account.ci.email
}

output "database_address" {
  description = "PostgreSQL's address: DATABASE_NETWORK in params.env, with /32."
  value       = google_compute_address.database.address
}

output "pods_network" {
  description = "The pods' network: PROXY_NETWORKS in params.env."
  value       = local.pods_network
}

output "database_secret" {
  description = "Where the machine puts DATABASE_URL: gcloud secrets versions access latest --secret NAME."
  value       = google_secret_manager_secret.database_url.secret_id
}

output "backups" {
  description = "The bucket of the nightly dumps."
  value       = google_storage_bucket.backups.url
}
