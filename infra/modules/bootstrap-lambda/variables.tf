variable "name" {
  description = "Name of the environment, e.g. \"app-staging\": part of the name of everything that is made here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name is \"${var.name}\": use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter, because IAM and Lambda limit the names that are made of it."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags has a key that begins with \"aws:\": these are AWS's own. Rename it."
  }
}

variable "artifact_path" {
  description = "The zip that buildArtifact() made, at most 50 MB; a relative path is seen from the folder in which Terraform runs. One artefact for both functions."
  type        = string
  nullable    = false

  validation {
    condition     = endswith(var.artifact_path, ".zip")
    error_message = "artifact_path is \"${var.artifact_path}\": it must be the zip that the build made, not its folder."
  }
}

variable "artifact_sha256_base64" {
  description = "SHA-256 of the zip in base64, where another job builds it and the plan is made without the file. null: computed from the file."
  type        = string
  default     = null

  validation {
    condition     = var.artifact_sha256_base64 == null || can(regex("^[A-Za-z0-9+/]{43}=$", var.artifact_sha256_base64))
    error_message = "artifact_sha256_base64 is no SHA-256 in base64 (44 characters, the last one \"=\"). Lambda does not take the hexadecimal form: openssl dgst -sha256 -binary FILE | base64."
  }
}

variable "subnet_ids" {
  description = "Private subnets from which the cluster and the endpoint of Secrets Manager can be reached."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids is empty: the functions would run outside of the VPC, where the cluster is not. Give e.g. module.network.private_subnet_ids."
  }
}

variable "security_group_ids" {
  description = "Security groups of the functions, with outbound rules to the database's port and to 443 of Secrets Manager's endpoint: [module.network.security_group_ids.functions]."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "security_group_ids is empty: Lambda asks for at least one. Give e.g. [module.network.security_group_ids.functions]."
  }
}

variable "database" {
  description = "The cluster: module.database as a whole, or an object like it. kms_key_arn: the key of the master secret if it is one of your own, null if it is AWS's."
  type = object({
    endpoint = object({
      host = string
      port = number
    })
    resource_id       = string
    master_secret_arn = string
    kms_key_arn       = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", var.database.endpoint.host)) && var.database.endpoint.port >= 1 && var.database.endpoint.port <= 65535
    error_message = "database.endpoint is ${var.database.endpoint.host}:${var.database.endpoint.port}: host must be a name without scheme and port, port a number from 1 to 65535."
  }

  validation {
    condition     = can(regex("^(cluster|db)-[A-Z0-9]+$", var.database.resource_id))
    error_message = "database.resource_id is \"${var.database.resource_id}\": it must be the resource id (cluster-ABC… or db-ABC…). aws_rds_cluster.x.id is the cluster's identifier, with which no policy ever matches: use aws_rds_cluster.x.cluster_resource_id. A proxy (prx-…) does not do: it does not let the master in."
  }

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+$", var.database.master_secret_arn))
    error_message = "database.master_secret_arn is not the ARN of a secret: use aws_rds_cluster.x.master_user_secret[0].secret_arn."
  }
}

variable "decrypt_with_own_key" {
  description = "Whether the functions may decrypt with database.kms_key_arn. null: if it is given. Set true where the key is made in the same apply, because Terraform has to know at plan time how many policies there are."
  type        = bool
  default     = null
}

variable "test_databases" {
  description = "Whether this cluster may hold test databases. false: there is no function for them, and the bootstrap makes no roles for test runs. Production wants false."
  type        = bool
  default     = true
  nullable    = false
}

variable "ca_pem" {
  description = "PEM text of the CA roots that the functions trust, at most 3,072 bytes because all variables of a function share 4 KB. null (better): `ca.pem` in the artefact, which buildArtifact() packs and which has no such limit."
  type        = string
  default     = null

  validation {
    condition     = var.ca_pem == null || try(strcontains(var.ca_pem, "-----BEGIN CERTIFICATE-----"), false)
    error_message = "ca_pem is no PEM certificate: give the text of the file, not its path, e.g. file(\"eu-west-2.pem\")."
  }

  validation {
    condition     = var.ca_pem == null || try(length(var.ca_pem) <= 3072, false)
    error_message = "ca_pem has ${try(length(var.ca_pem), 0)} bytes, more than the 3072 that fit into a function's environment (a regional bundle has several roots). Give one root, or pack the bundle into the artefact: buildArtifact({ ca })."
  }
}

variable "runtime" {
  description = "Lambda's runtime. The artefact runs on Node 22 and 24."
  type        = string
  default     = "nodejs24.x"
  nullable    = false

  validation {
    condition     = contains(["nodejs22.x", "nodejs24.x"], var.runtime)
    error_message = "runtime is \"${var.runtime}\": the artefact is built for \"nodejs22.x\" and \"nodejs24.x\"."
  }
}

variable "memory_mib" {
  description = "Memory in MiB (128 to 10240), which also decides how much CPU there is. Nearly all of the time goes by in the database, so that more is rarely faster."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mib >= 128 && var.memory_mib <= 10240 && floor(var.memory_mib) == var.memory_mib
    error_message = "memory_mib is ${var.memory_mib}: Lambda takes whole MiB from 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Time-out in seconds (60 to 900). A run stops in time and is continued by the next invocation, so a single migration has to fit into it. A cluster that pauses may take 30 s to wake up."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 60 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds is ${var.timeout_seconds}: use 60 to 900. Less is not enough to wake a paused cluster, more Lambda does not have."
  }
}

variable "bootstrap_actions" {
  description = "What the bootstrap function may do. prune, down and fake take something away: add them where that is wanted. Actions on test databases belong to the other function."
  type        = set(string)
  default     = ["ping", "plan", "apply", "status", "migrate"]
  nullable    = false

  validation {
    condition     = length(var.bootstrap_actions) > 0 && length(setsubtract(var.bootstrap_actions, ["ping", "plan", "apply", "status", "migrate", "prune", "down", "fake"])) == 0
    error_message = "bootstrap_actions is empty or names an action that is not the bootstrap's: ping, plan, apply, status, migrate, and only where wanted prune, down, fake."
  }
}

variable "migration_timeouts" {
  description = "Of each migration, in milliseconds: lock_ms is its lock_timeout, statement_ms its statement_timeout. 0: what the server has. A lock_ms of a few seconds keeps a waiting ALTER TABLE from stopping everybody else."
  type = object({
    lock_ms      = optional(number, 0)
    statement_ms = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for value in values(var.migration_timeouts) : value >= 0 && value <= 999999999 && floor(value) == value])
    error_message = "migration_timeouts must be whole milliseconds from 0 to 999999999."
  }
}

variable "log_sql" {
  description = "\"masked\": no values of SQL in the log. \"full\": statements, NOTICEs and the server's messages as they are, data of yours included."
  type        = string
  default     = "masked"
  nullable    = false

  validation {
    condition     = contains(["masked", "full"], var.log_sql)
    error_message = "log_sql is \"${var.log_sql}\": choose \"masked\" or \"full\"."
  }
}

variable "log_retention_days" {
  description = "Days for which CloudWatch Logs keeps the functions' logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}, which CloudWatch Logs does not have: use 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "invoke_after_deploy" {
  description = "Whether Terraform invokes `apply` when the artefact, the databases or invocation_triggers changed. The apply fails when it fails. Its answer is stored in the state."
  type        = bool
  default     = false
  nullable    = false
}

variable "databases" {
  description = "Which declared databases invoke_after_deploy applies. Empty: all of the artefact."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.databases) <= 100 && alltrue([for name in var.databases : can(regex("^[a-z][a-z0-9_]{0,62}$", name))])
    error_message = "databases has a name that no declaration has, or more than 100: names are 1 to 63 lower-case letters, digits and underscores, beginning with a letter."
  }
}

variable "invocation_triggers" {
  description = "Further values whose change invokes again. A reference in it also makes the invocation wait, e.g. { endpoints = jsonencode(module.network.endpoint_ids) }: without the endpoint of Secrets Manager the function cannot read its secret."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(keys(var.invocation_triggers), "artefact")
    error_message = "invocation_triggers has the key \"artefact\", which is the module's own. Rename it."
  }
}

variable "sweep_schedule" {
  description = "When leftovers of dead test runs are dropped, as rate(…) or cron(…) of EventBridge Scheduler. A sweep wakes a paused cluster: \"rate(15 minutes)\" where it never sleeps, once a night where it does. null: no schedule."
  type        = string
  default     = null

  validation {
    condition     = var.sweep_schedule == null || can(regex("^(rate|cron)\\(.+\\)$", var.sweep_schedule))
    error_message = "sweep_schedule is neither rate(…) nor cron(…): write it like \"rate(15 minutes)\" or \"cron(0 3 * * ? *)\", or null for none."
  }
}

variable "alarms" {
  description = "Alarms: of failures that a run reports, and of invocations that crashed, timed out or threw, for each function, told to these SNS topics. null: none."
  type = object({
    sns_topic_arns = list(string)
  })
  default = null

  validation {
    condition     = var.alarms == null || try(length(var.alarms.sns_topic_arns) >= 1 && length(var.alarms.sns_topic_arns) <= 5, false)
    error_message = "alarms.sns_topic_arns needs one to five topics: CloudWatch takes no more, and an alarm that tells nobody is none."
  }
}

variable "tracing" {
  description = "Whether X-Ray traces the invocations (mode Active). Costs by trace; the functions need no endpoint for it."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that bounds the roles made here, where an organisation asks for one. null: none."
  type        = string
  default     = null
}
