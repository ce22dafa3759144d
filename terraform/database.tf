# One small machine with PostgreSQL. Its password is made on the machine and put into Secret Manager by it, so it is in
# no file here and not in Terraform's state.
resource "google_service_account" "database" {
  account_id   = "chat-database"
  display_name = "realtime-chat: PostgreSQL"
}

# Terraform makes the place, never a version of it.
resource "google_secret_manager_secret" "database_url" {
  secret_id = "chat-database-url"

  replication {
    auto {}
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "database" {
  for_each = toset(["roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionAdder"])

  secret_id = google_secret_manager_secret.database_url.id
  role      = each.value
  member    = google_service_account.database.member
}

resource "google_storage_bucket" "backups" {
  name                        = "${var.project}-chat-backups"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = var.backup_days
    }
  }

  depends_on = [google_project_service.needed]
}

# May add, neither overwrite nor delete nor read: who breaks into the machine cannot take the backups along.
resource "google_storage_bucket_iam_member" "database" {
  bucket = google_storage_bucket.backups.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.database.member
}

resource "google_compute_address" "database" {
  name         = "chat-database"
  address_type = "INTERNAL"
  address      = local.database_address
  subnetwork   = google_compute_subnetwork.chat.id
  region       = var.region
}

resource "google_compute_disk" "database" {
  name = "chat-database"
  type = "pd-standard"
  size = var.database_disk_gb
  zone = var.zone

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.needed]
}

resource "google_compute_resource_policy" "snapshots" {
  name   = "chat-database-daily"
  region = var.region

  snapshot_schedule_policy {
    schedule {
      daily_schedule {
        days_in_cycle = 1
        start_time    = "19:00"
      }
    }

    retention_policy {
      max_retention_days    = var.snapshot_days
      on_source_disk_delete = "KEEP_AUTO_SNAPSHOTS"
    }
  }
}

resource "google_compute_disk_resource_policy_attachment" "snapshots" {
  name = google_compute_resource_policy.snapshots.name
  disk = google_compute_disk.database.name
  zone = var.zone
}

resource "google_compute_instance" "database" {
  name                      = "chat-database"
  machine_type              = var.database_machine_type
  zone                      = var.zone
  deletion_protection       = var.deletion_protection
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-13"
      type  = "pd-standard"
      size  = 10
    }
  }

  attached_disk {
    source      = google_compute_disk.database.id
    device_name = "database"
  }

  network_interface {
    subnetwork = google_compute_subnetwork.chat.id
    network_ip = google_compute_address.database.address
  }

  service_account {
    email  = google_service_account.database.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  # Read by the script from the machine's metadata; none is a secret.
  metadata = {
    startup-script         = file("${path.module}/database/startup.sh")
    chat-backup            = file("${path.module}/database/backup.sh")
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    chat-address           = google_compute_address.database.address
    chat-networks          = "${local.pods_network} ${local.nodes_network}"
    chat-secret            = google_secret_manager_secret.database_url.id
    chat-bucket            = google_storage_bucket.backups.name
  }

  depends_on = [
    google_compute_router_nat.chat,
    google_secret_manager_secret_iam_member.database,
    google_storage_bucket_iam_member.database,
  ]
}
