# What the nodes may do: write logs and metrics, read our images.
resource "google_service_account" "nodes" {
  account_id   = "chat-nodes"
  display_name = "realtime-chat: nodes of the cluster"
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  repository = google_artifact_registry_repository.chat.name
  location   = google_artifact_registry_repository.chat.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

resource "google_container_cluster" "chat" {
  name                = "chat"
  location            = var.zone
  network             = google_compute_network.chat.id
  subnetwork          = google_compute_subnetwork.chat.id
  deletion_protection = var.deletion_protection

  # The pool below replaces it.
  remove_default_node_pool = true
  initial_node_count       = 1

  # Enforces the NetworkPolicies.
  datapath_provider = "ADVANCED_DATAPATH"

  release_channel {
    channel = "REGULAR"
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
    master_ipv4_cidr_block  = "172.16.0.0/28"
  }

  dynamic "master_authorized_networks_config" {
    for_each = length(var.admin_networks) > 0 ? [var.admin_networks] : []

    content {
      dynamic "cidr_blocks" {
        for_each = master_authorized_networks_config.value

        content {
          display_name = cidr_blocks.key
          cidr_block   = cidr_blocks.value
        }
      }
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  # Small nodes: no second load balancer beside our ingress controller, no Prometheus beside ours.
  addons_config {
    http_load_balancing {
      disabled = true
    }

    horizontal_pod_autoscaling {
      disabled = false
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS"]
  }

  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]

    managed_prometheus {
      enabled = false
    }
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = "18:00"
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_container_node_pool" "chat" {
  name       = "chat"
  cluster    = google_container_cluster.chat.id
  node_count = var.node_count

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # A new node is there before an old one is emptied.
  upgrade_settings {
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.node_machine_type
    spot            = var.node_spot
    disk_type       = "pd-standard"
    disk_size_gb    = 20
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

    metadata = {
      disable-legacy-endpoints = "true"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}
