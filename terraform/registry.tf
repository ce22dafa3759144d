resource "google_artifact_registry_repository" "chat" {
  repository_id = "chat"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of realtime-chat."

  # 0.5 GB are free: older images go, the last ten stay for rolling back.
  cleanup_policies {
    id     = "keep-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.needed]
}
