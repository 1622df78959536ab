variable "name" {
  description = "Service and environment that the policy is named after, such as ledger-staging."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,63}$", var.name))
    error_message = "name \"${var.name}\" becomes part of the policy's name: use 2 to 64 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "tags" {
  description = "Tags of the policy."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "resource_id" {
  description = "Resource id of the cluster (cluster-ABC…), instance (db-ABC…) or proxy (prx-…): module.database.resource_id. null: looked up by cluster_identifier."
  type        = string
  default     = null

  validation {
    condition     = var.resource_id == null ? true : can(regex("^((cluster|db)-[A-Z0-9]+|prx-[A-Za-z0-9]+)$", var.resource_id))
    error_message = "resource_id \"${coalesce(var.resource_id, "null")}\" is not a resource id (cluster-ABC…, db-ABC…, prx-…), and a policy for anything else never matches: the login fails with \"PAM authentication failed\" and nothing else. aws_rds_cluster.x.id is the cluster's identifier; use aws_rds_cluster.x.cluster_resource_id, or aws_db_instance.x.resource_id."
  }
}

variable "cluster_identifier" {
  description = "Identifier of an existing Aurora cluster, whose resource id is looked up. Instead of resource_id."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_identifier == null ? true : can(regex("^[a-z][a-z0-9-]{0,62}$", var.cluster_identifier))
    error_message = "cluster_identifier \"${coalesce(var.cluster_identifier, "null")}\" is not the identifier of a cluster (lower-case letters, digits, hyphens). A resource id goes into resource_id."
  }
}

variable "users" {
  description = "The database users that may log in, exactly: ledger_app, not ledger_*. They are roles in the database that have rds_iam."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.users) > 0
    error_message = "users is empty, so the policy would allow nothing: name at least one database user."
  }

  validation {
    condition     = alltrue([for user in var.users : can(regex("^[A-Za-z_][A-Za-z0-9_.-]{0,62}$", user))])
    error_message = "users ${jsonencode(var.users)} has one that is not the name of one PostgreSQL role (at most 63 letters, digits, _ . -; no patterns, as they would take in roles that do not exist yet). Name each user."
  }
}

variable "master_username" {
  description = "The master's name, if it is to be made sure that users does not have it: module.database.master_username."
  type        = string
  default     = null
}

variable "role_names" {
  description = "Names of the IAM roles that get the policy. They have to be known before apply: write them out, or pass the name argument of the role and not a name that AWS makes up."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for role in var.role_names : can(regex("^[\\w+=,.@-]{1,64}$", role))])
    error_message = "role_names ${jsonencode(var.role_names)} has one that is not the name of a role: a name, not its ARN, and without its path."
  }
}
