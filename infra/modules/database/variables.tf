variable "name" {
  type        = string
  description = "Identifier of the cluster or instance and prefix of every name that this module makes, for example app-staging. Changing it replaces the database."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name)) && !strcontains(var.name, "--") && !endswith(var.name, "-")
    error_message = "name is \"${var.name}\": it becomes the database's identifier. Use 2 to 31 lower-case letters, digits and single hyphens, beginning with a letter and not ending in a hyphen."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags for every resource that can have tags, and for snapshots. Name is added to each."
  nullable    = false
  default     = {}
}

# --- what it is -------------------------------------------------------------------------------------

variable "variant" {
  type        = string
  description = "aurora: Aurora PostgreSQL Serverless v2. instance: plain RDS for PostgreSQL. Changing it replaces the database without its data."
  nullable    = false
  default     = "aurora"

  validation {
    condition     = contains(["aurora", "instance"], var.variant)
    error_message = "variant is \"${var.variant}\": give aurora or instance."
  }
}

variable "environment_kind" {
  type        = string
  description = "ephemeral, staging or production. Chooses deletion protection, final snapshot, days of backups, when changes are applied, and what stays after a destroy; the README has the table, and each has a variable of its own."
  nullable    = false

  validation {
    condition     = contains(["ephemeral", "staging", "production"], var.environment_kind)
    error_message = "environment_kind is \"${var.environment_kind}\": give ephemeral (may vanish any time), staging or production."
  }
}

variable "engine_version" {
  type        = string
  description = "PostgreSQL version. Default null: for Aurora 17.7, a long-term support version; for variant instance 17, and RDS chooses a minor version that is alive and installs later ones by itself. 17.7 is exactly that minor version; 17 alone is for variant instance, as the provider cannot work with it for Aurora."
  default     = null

  validation {
    condition     = var.engine_version == null ? true : can(regex("^1[3-9](\\.[0-9]{1,2})?$", var.engine_version))
    error_message = "engine_version is \"${coalesce(var.engine_version, "null")}\": give a major version from 13 to 19 with a minor version (17.7); variant instance also takes it without (17)."
  }
}

variable "auto_minor_version_upgrade" {
  type        = bool
  description = "Whether RDS installs minor versions in the maintenance window. Default null: only where engine_version names just a major version. With true, Aurora gets ahead of engine_version: raise it to the version that is there, or the next apply tries to go back and RDS refuses it."
  default     = null
}

variable "allow_major_version_upgrade" {
  type        = bool
  description = "Must be true in the apply that raises the major version, and should be false otherwise. Major versions are applied at once only with apply_immediately."
  nullable    = false
  default     = false
}

variable "extended_support" {
  type        = bool
  description = "What happens when AWS's standard support for the major version ends: true: the database stays and Extended Support is charged; false: AWS upgrades it to a newer major version. Default null: true for production, else false. AWS takes it only when the database is created or restored; later changes are ignored."
  default     = null
}

variable "capacity" {
  type = object({
    min                      = optional(number, 0)
    max                      = optional(number, 4)
    seconds_until_auto_pause = optional(number, 300)
  })
  description = "Aurora: smallest and largest capacity in ACU (steps of 0.5; 1 ACU is about 2 GiB of memory). min = 0 lets the cluster pause after seconds_until_auto_pause (300 to 86400) without any connection; it is unused with min above 0. Unused for variant instance."
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for acu in [var.capacity.min, var.capacity.max] : floor(acu * 2) == acu * 2])
    error_message = "capacity is { min = ${var.capacity.min}, max = ${var.capacity.max} }: Aurora counts in steps of 0.5 ACU."
  }

  validation {
    condition     = var.capacity.min >= 0 && var.capacity.max >= 1 && var.capacity.max <= 256 && var.capacity.min <= var.capacity.max
    error_message = "capacity is { min = ${var.capacity.min}, max = ${var.capacity.max} }: min is 0 (may pause) or 0.5 and more, max is 1 to 256 and not below min."
  }

  validation {
    condition     = var.capacity.seconds_until_auto_pause >= 300 && var.capacity.seconds_until_auto_pause <= 86400 && floor(var.capacity.seconds_until_auto_pause) == var.capacity.seconds_until_auto_pause
    error_message = "capacity.seconds_until_auto_pause is ${var.capacity.seconds_until_auto_pause}: Aurora accepts 300 to 86400. To never pause, set capacity.min to 0.5 or more."
  }
}

variable "readers" {
  type        = number
  description = "Aurora: number of readers beside the writer, 0 to 15. The first one scales (and pauses) with the writer and takes over first; the others scale by themselves."
  nullable    = false
  default     = 0

  validation {
    condition     = var.readers >= 0 && var.readers <= 15 && floor(var.readers) == var.readers
    error_message = "readers is ${var.readers}: a cluster has 0 to 15 readers."
  }
}

variable "instance" {
  type = object({
    class                     = optional(string, "db.t4g.small")
    allocated_storage_gib     = optional(number, 20)
    max_allocated_storage_gib = optional(number, 100)
    multi_az                  = optional(bool)
  })
  description = "Variant instance: class, storage in GiB, the limit to which storage grows by itself (0: it never grows), and a standby in a second zone (default null: for production). IAM logins need 300 to 1000 MiB of free memory: the smallest classes can refuse them at random. Unused for variant aurora."
  nullable    = false
  default     = {}

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance.class))
    error_message = "instance.class is \"${var.instance.class}\": give a class such as db.t4g.small. Serverless is variant aurora."
  }

  validation {
    condition     = var.instance.allocated_storage_gib >= 20 && floor(var.instance.allocated_storage_gib) == var.instance.allocated_storage_gib
    error_message = "instance.allocated_storage_gib is ${var.instance.allocated_storage_gib}: gp3 storage begins at 20 GiB."
  }

  validation {
    condition     = var.instance.max_allocated_storage_gib == 0 || var.instance.max_allocated_storage_gib > var.instance.allocated_storage_gib
    error_message = "instance.max_allocated_storage_gib is ${var.instance.max_allocated_storage_gib}, not more than allocated_storage_gib (${var.instance.allocated_storage_gib}), which RDS refuses. Raise it, or set it to 0 so that storage never grows by itself."
  }
}

variable "storage_type" {
  type        = string
  description = "Storage type. Default null: Aurora standard, or gp3 for an instance. Aurora: aurora or aurora-iopt1 (no charge for I/O, dearer storage and capacity; to go back once in 30 days say aurora, as null keeps what is). Instance: gp2 or gp3."
  default     = null

  validation {
    condition     = var.storage_type == null ? true : contains(["aurora", "aurora-iopt1", "gp2", "gp3"], var.storage_type)
    error_message = "storage_type is \"${coalesce(var.storage_type, "null")}\": give aurora or aurora-iopt1 (variant aurora), gp2 or gp3 (variant instance), or null."
  }
}

# --- where it is ------------------------------------------------------------------------------------

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets for the database, in at least two zones. Changes are applied in place."
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids has ${length(var.subnet_ids)} subnets: RDS asks for subnets in two zones, also for a single instance."
  }
}

variable "security_group_ids" {
  type        = list(string)
  description = "Security groups of the database: normally only module.network.security_group_ids.database."
  nullable    = false

  validation {
    condition     = length(var.security_group_ids) >= 1
    error_message = "security_group_ids is empty: RDS would take the VPC's default group. Give the network module's database group."
  }
}

variable "port" {
  type        = number
  description = "Port of the database; the network module's database_port must be the same."
  nullable    = false
  default     = 5432

  validation {
    condition     = var.port >= 1150 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port is ${var.port}: RDS accepts 1150 to 65535."
  }
}

# --- what is in it ----------------------------------------------------------------------------------

variable "database_name" {
  type        = string
  description = "A first database to create. Default null: none (postgres is always there); the bootstrap function makes databases with their roles. Changing it replaces the database server."
  default     = null

  validation {
    condition     = var.database_name == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,62}$", var.database_name))
    error_message = "database_name is \"${coalesce(var.database_name, "null")}\": use up to 63 letters, digits and underscores, beginning with a letter."
  }
}

variable "master_username" {
  type        = string
  description = "Name of the master user, up to 16 characters. AWS's reference allows letters and digits for Aurora, underscores for instances only; CloudFormation takes them for both. Its password is made, kept and rotated by RDS in Secrets Manager; only the bootstrap functions read it. Changing the name replaces the database."
  nullable    = false
  default     = "posternmaster"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,15}$", var.master_username)) && !startswith(var.master_username, "pg_") && !contains(["rdsadmin", "admin", "rds_superuser", "rds_iam"], var.master_username)
    error_message = "master_username is \"${var.master_username}\": RDS takes up to 16 characters. Use lower-case letters, digits and underscores, beginning with a letter, and none of the names that RDS or PostgreSQL keep for themselves (rdsadmin, admin, rds_..., pg_...)."
  }
}

variable "parameters" {
  type        = map(string)
  description = "Server parameters, merged over rds.force_ssl = 1, log_connections = 1, log_disconnections = 1. Static ones (the README lists those that the module knows) wait for a reboot."
  nullable    = false
  default     = {}

  validation {
    condition     = lookup(var.parameters, "rds.force_ssl", "1") == "1"
    error_message = "parameters sets rds.force_ssl to \"${lookup(var.parameters, "rds.force_ssl", "1")}\": an IAM token is sent as a clear-text password inside TLS, so connections without TLS must be refused. Remove it."
  }
}

variable "static_parameters" {
  type        = set(string)
  description = "Names of further parameters that RDS only applies by a reboot. Needed when RDS answers that a static parameter cannot be applied immediately."
  nullable    = false
  default     = []
}

variable "snapshot_identifier" {
  type        = string
  description = "Snapshot to restore from when the database is created. Later changes of it are ignored, so it may stay or go. After a restore the resource id is a new one; the policies of these modules follow it."
  default     = null
}

# --- keys, certificates, logs -----------------------------------------------------------------------

variable "kms_key_arn" {
  type        = string
  description = "KMS key of your own for storage, master secret and performance insights. Default null: AWS's keys. Changing it replaces the database. A key of your own is needed to share snapshots with other accounts."
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn is \"${coalesce(var.kms_key_arn, "null")}\": give the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias, or Terraform would see a difference in every plan."
  }
}

variable "ca_cert_identifier" {
  type        = string
  description = "Certificate authority of the server certificate: rds-ca-rsa2048-g1, rds-ca-rsa4096-g1 or rds-ca-ecc384-g1. Another one than the account's default costs a reboot when an Aurora instance is created."
  nullable    = false
  default     = "rds-ca-rsa2048-g1"

  validation {
    condition     = can(regex("^rds-ca-[a-z0-9]+-g[0-9]+$", var.ca_cert_identifier))
    error_message = "ca_cert_identifier is \"${var.ca_cert_identifier}\": give one such as rds-ca-rsa2048-g1 (rds-ca-2019 has ended)."
  }
}

variable "log_exports" {
  type        = set(string)
  description = "Logs that go to CloudWatch Logs: postgresql, iam-db-auth-error (why an IAM login was refused; clients are not told), instance for Aurora (why a cluster did not pause), upgrade for variant instance. The log groups are made before the database."
  nullable    = false
  default     = ["postgresql", "iam-db-auth-error"]

  validation {
    condition     = length(setsubtract(var.log_exports, ["postgresql", "iam-db-auth-error", "instance", "upgrade"])) == 0
    error_message = "log_exports is ${jsonencode(var.log_exports)}: PostgreSQL exports postgresql, iam-db-auth-error, instance (variant aurora) and upgrade (variant instance)."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days that exported logs are kept. RDS itself would make groups that keep everything for ever."
  nullable    = false
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}: CloudWatch Logs accepts 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "performance_insights" {
  type = object({
    retention_days = optional(number, 7)
  })
  description = "Performance insights of the instances. Default null: off. 7 days are free; 731 or a multiple of 31 are charged."
  default     = null

  validation {
    condition     = var.performance_insights == null ? true : contains([7, 731], var.performance_insights.retention_days) || (var.performance_insights.retention_days % 31 == 0 && var.performance_insights.retention_days > 0 && var.performance_insights.retention_days < 731)
    error_message = "performance_insights.retention_days is ${try(var.performance_insights.retention_days, 0)}: RDS accepts 7, a multiple of 31 up to 713, or 731."
  }
}

# --- life and death: each null takes what environment_kind says ---------------------------------------

variable "apply_immediately" {
  type        = bool
  description = "Whether changes wait for the maintenance window (false) or may restart the database now (true). Default null: false for production, else true. With false, terraform apply succeeds while the change is still pending."
  default     = null
}

variable "deletion_protection" {
  type        = bool
  description = "Whether RDS refuses to delete the database. Default null: true but for ephemeral. To destroy: set false, apply, then destroy."
  default     = null
}

variable "skip_final_snapshot" {
  type        = bool
  description = "Whether a destroy makes no snapshot. Default null: true only for ephemeral."
  default     = null
}

variable "final_snapshot_identifier" {
  type        = string
  description = "Name of the snapshot that a destroy makes. Default null: <name>-final. If a snapshot of that name exists from an earlier life, RDS refuses to delete: give another name, apply, then destroy."
  default     = null

  validation {
    condition     = var.final_snapshot_identifier == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$", var.final_snapshot_identifier)) && length(coalesce(var.final_snapshot_identifier, "x")) <= 255
    error_message = "final_snapshot_identifier is \"${coalesce(var.final_snapshot_identifier, "null")}\": use up to 255 letters, digits and single hyphens, beginning with a letter and not ending in a hyphen. RDS would tell so only when destroying."
  }
}

variable "backup_retention_days" {
  type        = number
  description = "Days of automated backups, 1 to 35 (0 switches them off, variant instance only). Default null: 1 for ephemeral, 7 for staging, 14 for production."
  default     = null

  validation {
    condition     = var.backup_retention_days == null ? true : var.backup_retention_days >= 0 && var.backup_retention_days <= 35 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "backup_retention_days is ${coalesce(var.backup_retention_days, 0)}: give 1 to 35, or 0 for an instance without backups."
  }
}

variable "keep_after_destroy" {
  type        = bool
  description = "Whether automated backups (for their days) and log groups outlive a destroy. Default null: true for production, else false. Log groups that were kept must be imported or deleted before a database of that name is made again."
  default     = null
}

variable "backup_window_utc" {
  type        = string
  description = "Daily backup window in UTC, such as 02:00-03:00. Default null: AWS chooses."
  default     = null

  validation {
    condition     = var.backup_window_utc == null ? true : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window_utc))
    error_message = "backup_window_utc is \"${coalesce(var.backup_window_utc, "null")}\": give at least half an hour as hh:mm-hh:mm in UTC."
  }
}

variable "maintenance_window_utc" {
  type        = string
  description = "Weekly maintenance window in UTC, such as sun:03:30-sun:04:30; not overlapping the backup window. Default null: AWS chooses."
  default     = null

  validation {
    condition     = var.maintenance_window_utc == null ? true : can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window_utc))
    error_message = "maintenance_window_utc is \"${coalesce(var.maintenance_window_utc, "null")}\": give at least half an hour as ddd:hh:mm-ddd:hh:mm in UTC, in lower case."
  }
}

# --- proxy ------------------------------------------------------------------------------------------

variable "proxy" {
  type = object({
    users                       = set(string)
    security_group_ids          = list(string)
    subnet_ids                  = optional(list(string))
    max_connections_percent     = optional(number, 90)
    idle_client_timeout_seconds = optional(number, 1800)
    borrow_timeout_seconds      = optional(number, 120)
    debug_logging               = optional(bool, false)
    permissions_boundary_arn    = optional(string)
  })
  description = "An RDS Proxy with IAM on both sides: for exactly these database users, in these groups (module.network.security_group_ids.proxy), in the database's subnets unless given. A proxy keeps a cluster awake: capacity.min must be above 0. Default null: none."
  default     = null

  validation {
    condition     = var.proxy == null ? true : length(var.proxy.users) > 0 && alltrue([for user in var.proxy.users : can(regex("^[a-z_][a-zA-Z0-9_.$-]{0,62}$", user))])
    error_message = "proxy.users is ${jsonencode(try(var.proxy.users, []))}: name at least one database user, without wildcards. A user that is missing here cannot log in through the proxy."
  }

  validation {
    condition     = var.proxy == null ? true : length(var.proxy.security_group_ids) > 0
    error_message = "proxy.security_group_ids is empty: the proxy would get the VPC's default group. Give module.network.security_group_ids.proxy (network: database_proxy = true)."
  }

  validation {
    condition     = var.proxy == null ? true : var.proxy.max_connections_percent >= 1 && var.proxy.max_connections_percent <= 100 && var.proxy.idle_client_timeout_seconds >= 1 && var.proxy.idle_client_timeout_seconds <= 28800 && var.proxy.borrow_timeout_seconds >= 0 && var.proxy.borrow_timeout_seconds <= 3600
    error_message = "proxy is { max_connections_percent = ${try(var.proxy.max_connections_percent, 0)}, idle_client_timeout_seconds = ${try(var.proxy.idle_client_timeout_seconds, 0)}, borrow_timeout_seconds = ${try(var.proxy.borrow_timeout_seconds, 0)} }: give 1 to 100, 1 to 28800 and 0 to 3600."
  }
}
