variable "name" {
  description = "Name of the environment, e.g. \"app-staging\": part of the name of everything that is made here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name is \"${var.name}\": use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter, because IAM and SSM limit the names that are made of it."
  }
}

variable "tags" {
  description = "Tags of every resource, of the instance (or task), its volume and its network interface."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags has a key that begins with \"aws:\": these are AWS's own. Rename it."
  }
}

variable "variant" {
  description = "What the sessions end at: \"ec2\" (a small instance in an auto-scaling group, found by its tag) or \"ecs\" (a Fargate task, to be addressed by its id; see the README)."
  type        = string
  default     = "ec2"
  nullable    = false

  validation {
    condition     = contains(["ec2", "ecs"], var.variant)
    error_message = "variant is \"${var.variant}\": choose \"ec2\" or \"ecs\"."
  }
}

variable "subnet_ids" {
  description = "Private subnets for the host. With several of them it comes up in another zone when one fails."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids is empty: give at least one private subnet, e.g. module.network.private_subnet_ids."
  }
}

variable "security_group_ids" {
  description = "Security groups of the host. They must have no inbound rule, and outbound ones to the database's port and to 443 of AWS's endpoints: module.network.security_group_ids.jump_host."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "security_group_ids is empty: the host would get the VPC's default group. Give one without inbound rules, e.g. [module.network.security_group_ids.jump_host]."
  }
}

variable "instance_type" {
  description = "Variant ec2: type of the instance. Its architecture must be that of ami_ssm_parameter. The default has 512 MiB: enough for the system, the agent and some sessions, each of which is a process of its own. Choose t4g.micro where many jobs and people use it together."
  type        = string
  default     = "t4g.nano"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.instance_type))
    error_message = "instance_type is \"${var.instance_type}\", which is none: write it like \"t4g.nano\"."
  }
}

variable "ami_ssm_parameter" {
  description = "Variant ec2: name of the SSM parameter with the AMI's id. It is resolved whenever an instance starts, so that each new one has the newest image and no plan shows a change. Amazon Linux 2023 has the SSM agent in it, its minimal images do not."
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
  nullable    = false

  validation {
    condition     = startswith(var.ami_ssm_parameter, "/")
    error_message = "ami_ssm_parameter is \"${var.ami_ssm_parameter}\": give the parameter's full name, beginning with \"/\", not the id of an AMI."
  }

  validation {
    condition     = !strcontains(var.ami_ssm_parameter, "-minimal-")
    error_message = "ami_ssm_parameter is \"${var.ami_ssm_parameter}\": the minimal images have no SSM agent, so that no session could reach the instance. Use the one with \"-ami-kernel-default-\"."
  }
}

variable "tag" {
  description = "Variant ec2: the tag by which tunnels find the instance and by which roles may start sessions on it. value null: var.name."
  type = object({
    key   = optional(string, "postern:jump-host")
    value = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,128}$", var.tag.key)) && !startswith(lower(var.tag.key), "aws:")
    error_message = "tag.key is \"${var.tag.key}\": use 1 to 128 letters, digits, spaces and _ . : / = + - @, not beginning with \"aws:\"."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_.:/=+@-]{1,256}$", coalesce(var.tag.value, var.name)))
    error_message = "tag.value is not one that every place takes: use 1 to 256 letters, digits and _ . : / = + - @."
  }
}

variable "agent_update_schedule" {
  description = "Variant ec2: when AWS-UpdateSSMAgent brings the SSM agent up to date, as rate(…) or cron(…) of State Manager. It also runs when an instance is new. null: never; the agent is then as old as the image."
  type        = string
  default     = "rate(7 days)"

  validation {
    condition     = var.agent_update_schedule == null || can(regex("^(rate|cron)\\(.+\\)$", var.agent_update_schedule))
    error_message = "agent_update_schedule is neither rate(…) nor cron(…): write it like \"rate(7 days)\" or \"cron(0 3 ? * SUN *)\", or null for never."
  }
}

variable "max_instance_lifetime_days" {
  description = "Variant ec2: age in days at which an instance is replaced by one with the newest image (1 to 365). The new one starts before the old one ends; sessions on the old one break and are opened again by the tunnel."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.max_instance_lifetime_days >= 1 && var.max_instance_lifetime_days <= 365 && floor(var.max_instance_lifetime_days) == var.max_instance_lifetime_days
    error_message = "max_instance_lifetime_days is ${var.max_instance_lifetime_days}: EC2 Auto Scaling takes whole days from 1 to 365."
  }
}

variable "session_preferences" {
  description = "Session Manager's preferences: minutes without data after which a session ends (1 to 60), and minutes that it may last at all (1 to 1440, null: no limit). They hold for every session of the account in this region and replace those that exist: null (default) leaves them alone. See the README."
  type = object({
    idle_timeout_minutes = optional(number, 20)
    max_duration_minutes = optional(number)
  })
  default = null

  validation {
    condition     = var.session_preferences == null || try(var.session_preferences.idle_timeout_minutes >= 1 && var.session_preferences.idle_timeout_minutes <= 60 && floor(var.session_preferences.idle_timeout_minutes) == var.session_preferences.idle_timeout_minutes, false)
    error_message = "session_preferences.idle_timeout_minutes must be a whole number from 1 to 60: Session Manager takes no other."
  }

  validation {
    condition     = try(var.session_preferences.max_duration_minutes, null) == null || try(var.session_preferences.max_duration_minutes >= 1 && var.session_preferences.max_duration_minutes <= 1440 && floor(var.session_preferences.max_duration_minutes) == var.session_preferences.max_duration_minutes, false)
    error_message = "session_preferences.max_duration_minutes must be a whole number from 1 to 1440, or null for no limit."
  }
}

variable "ecs" {
  description = "Variant ecs, required there: the container image and how to run it. image: anything that stays alive with command; an image in ECR is pulled with a permission for exactly its repository. cpu (units) and memory (MiB): a combination that Fargate has. architecture: ARM64 or X86_64."
  type = object({
    image        = string
    command      = optional(list(string), ["sleep", "infinity"])
    cpu          = optional(number, 256)
    memory       = optional(number, 512)
    architecture = optional(string, "ARM64")
  })
  default = null

  validation {
    condition     = var.ecs == null || try(length(var.ecs.image) > 0 && length(var.ecs.command) > 0, false)
    error_message = "ecs.image or ecs.command is empty: name an image, and a command that does not end, such as [\"sleep\", \"infinity\"]."
  }

  validation {
    condition     = var.ecs == null || try(contains(local.fargate_memory[tostring(var.ecs.cpu)], var.ecs.memory), false)
    error_message = "ecs has ${try(var.ecs.cpu, 0)} CPU units with ${try(var.ecs.memory, 0)} MiB, which Fargate has not. It has 256 units with 512, 1024 or 2048 MiB; and 512, 1024, 2048 or 4096 units with a multiple of 1024 MiB, two to eight times the units (4096: at most 30720)."
  }

  validation {
    condition     = var.ecs == null || try(contains(["ARM64", "X86_64"], var.ecs.architecture), false)
    error_message = "ecs.architecture must be \"ARM64\" or \"X86_64\", as the image is built."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that bounds the roles made here, where an organisation asks for one. null: none."
  type        = string
  default     = null
}
