variable "project" {
  description = "Id of the Google Cloud project. It exists already and has a billing account."
  type        = string
}

variable "region" {
  description = "Region. The e2-micro machine is free in us-west1, us-central1 and us-east1 only."
  type        = string
  default     = "us-central1"
}

variable "zone" {
  description = "Zone of the cluster and the database, in the region. One zone: the first zonal cluster is free of its fee."
  type        = string
  default     = "us-central1-a"

  validation {
    condition     = startswith(var.zone, "${var.region}-")
    error_message = "The zone is not in the region."
  }
}

variable "github_repository" {
  description = "Owner and name of the repository whose workflows may push images, as OWNER/realtime-chat."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "Write it as OWNER/NAME."
  }
}

variable "admin_networks" {
  description = "Networks that may reach the API server of Kubernetes, each with a name. Empty: everybody who has a login."
  type        = map(string)
  default     = {}
}

variable "node_machine_type" {
  description = "Machine type of the cluster's nodes."
  type        = string
  default     = "e2-small"
}

variable "node_count" {
  description = "Nodes of the cluster. By what they ask for, the chat, the ingress controller, Argo CD and the small monitoring fit on two."
  type        = number
  default     = 2

  validation {
    condition     = var.node_count >= 1 && var.node_count <= 10
    error_message = "From 1 to 10."
  }
}

variable "node_spot" {
  description = "Whether nodes are spot machines: about a third of the price, and taken away at any time."
  type        = bool
  default     = false
}

variable "database_machine_type" {
  description = "Machine type of the PostgreSQL machine."
  type        = string
  default     = "e2-micro"
}

variable "database_disk_gb" {
  description = "Size of PostgreSQL's disk, in GB. With the 10 GB of the system it stays within the free 30 GB."
  type        = number
  default     = 20

  validation {
    condition     = var.database_disk_gb >= 10
    error_message = "At least 10."
  }
}

variable "backup_days" {
  description = "How long nightly dumps are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 1
    error_message = "At least 1."
  }
}

variable "snapshot_days" {
  description = "How long daily snapshots of PostgreSQL's disk are kept, in days."
  type        = number
  default     = 7

  validation {
    condition     = var.snapshot_days >= 1
    error_message = "At least 1."
  }
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` refuses to delete the cluster and the database's machine."
  type        = bool
  default     = true
}
