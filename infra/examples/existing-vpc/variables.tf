# These are yours.

variable "region" {
  description = "Region of everything, such as eu-west-2."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region \"${var.region}\" is none: give one such as eu-west-2."
  }
}

variable "name" {
  description = "Prefix of every name, such as app-staging."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name \"${var.name}\" becomes part of the names of everything: use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "github" {
  description = "The repository whose workflows may come in. The ids (gh api repos/OWNER/NAME --jq '[.owner.id, .id]') are needed where it was created, renamed or moved after 15 July 2026."
  type = object({
    owner    = string
    name     = string
    owner_id = optional(string)
    id       = optional(string)
  })
  nullable = false
}

variable "vpc" {
  description = "The VPC: private_subnet_ids, at most one a zone, for endpoints, functions and jump host; database_subnet_ids in two zones or more; private_route_table_ids, those of the private subnets, for the gateway endpoint of S3."
  type = object({
    id                      = string
    private_subnet_ids      = list(string)
    database_subnet_ids     = list(string)
    private_route_table_ids = optional(list(string), [])
  })
  nullable = false
}

# What the VPC has already.

variable "missing_endpoints" {
  description = "Interface endpoints that are to be made, of ssm, ssmmessages and secretsmanager. Those that the VPC has are left out, because AWS refuses a second one with private DNS. Empty, where it has all of them or a NAT. An endpoint is for the whole VPC."
  type        = set(string)
  default     = ["ssm", "ssmmessages", "secretsmanager"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.missing_endpoints, ["ssm", "ssmmessages", "secretsmanager"])) == 0
    error_message = "missing_endpoints is ${jsonencode(var.missing_endpoints)}: jump host and functions need ssm, ssmmessages and secretsmanager, and no other."
  }
}

variable "api_cidr_blocks" {
  description = "Where jump host and functions find the endpoints that the VPC has: its own range, or that of the subnets with the endpoints. [\"0.0.0.0/0\"] with a NAT. null: the VPC's range, unless endpoints are made here."
  type        = list(string)
  default     = null

  validation {
    condition     = var.api_cidr_blocks != null || contains([0, 3], length(var.missing_endpoints))
    error_message = "missing_endpoints is ${jsonencode(var.missing_endpoints)}, so the VPC has the others, and api_cidr_blocks is null: jump host and functions could not reach those. Give the range of the subnets in which they are, such as [\"10.20.0.0/16\"]."
  }
}

variable "s3_gateway_endpoint" {
  description = "Whether the gateway endpoint of S3 (free) is to be made. false, where the route tables have one."
  type        = bool
  default     = true
  nullable    = false
}

variable "jump_host_instance_ids" {
  description = "The jump host's instance id, for the output postern: with an id nobody needs to look for the tag. Empty at first, because the instance does not exist yet; see the README."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.jump_host_instance_ids : can(regex("^i-[0-9a-f]{8,17}$", id))])
    error_message = "jump_host_instance_ids is ${jsonencode(var.jump_host_instance_ids)}: give ids such as i-0a1b2c3d4e5f60718."
  }
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider, where the account has it already: one account has one. null: it is made."
  type        = string
  default     = null
}

variable "environment_kind" {
  description = "ephemeral, staging or production: whether the database may be destroyed, how long backups are kept."
  type        = string
  default     = "staging"
  nullable    = false
}

variable "artifact_path" {
  description = "The zip of `postern-functions build`. null: where that puts it."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}
