locals {
  nodes_network    = "10.10.0.0/24"
  pods_network     = "10.20.0.0/16"
  services_network = "10.30.0.0/20"
  # Outside of what Google gives away first (.2 and up), so that it is free on the first apply.
  database_address = "10.10.0.200"
}

resource "google_compute_network" "chat" {
  name                    = "chat"
  auto_create_subnetworks = false

  depends_on = [google_project_service.needed]
}

resource "google_compute_subnetwork" "chat" {
  name                     = "chat"
  network                  = google_compute_network.chat.id
  region                   = var.region
  ip_cidr_range            = local.nodes_network
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = local.pods_network
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = local.services_network
  }
}

# No machine has an address of its own in the internet; this is how they fetch packages and images. For three machines
# it costs less than three addresses.
resource "google_compute_router" "chat" {
  name    = "chat"
  network = google_compute_network.chat.id
  region  = var.region
}

resource "google_compute_router_nat" "chat" {
  name                               = "chat"
  router                             = google_compute_router.chat.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# What no rule allows is refused.
resource "google_compute_firewall" "database" {
  name      = "chat-database"
  network   = google_compute_network.chat.id
  direction = "INGRESS"
  # Pods keep their address within the network; what runs on a node itself has the node's.
  source_ranges           = [local.pods_network, local.nodes_network]
  target_service_accounts = [google_service_account.database.email]

  allow {
    protocol = "tcp"
    ports    = ["5432"]
  }
}

# `gcloud compute ssh --tunnel-through-iap`: Google checks who it is before a packet arrives.
resource "google_compute_firewall" "ssh" {
  name                    = "chat-database-ssh"
  network                 = google_compute_network.chat.id
  direction               = "INGRESS"
  source_ranges           = ["35.235.240.0/20"]
  target_service_accounts = [google_service_account.database.email]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
