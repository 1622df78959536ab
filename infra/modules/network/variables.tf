variable "name" {
  type        = string
  description = "Prefix of every name that this module makes, for example app-staging."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name is \"${var.name}\": it becomes part of AWS names. Use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = !startswith(var.name, "sg-")
    error_message = "name is \"${var.name}\": AWS keeps names of security groups that begin with sg- for itself. Choose another beginning."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags for every resource that can have tags. Name is added to each."
  nullable    = false
  default     = {}
}

variable "vpc_cidr" {
  type        = string
  description = "IPv4 range of the VPC that is made, /16 to /23. It is divided into 32 equal parts (a /16 into /21s); unused without a VPC of our own."
  nullable    = false
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 5, 31)) && can(regex("/(1[6-9]|2[0-3])$", var.vpc_cidr))
    error_message = "vpc_cidr is \"${var.vpc_cidr}\": a VPC may be /16 at most, and a 32nd part of it must still be a /28, the smallest subnet of AWS. Give an IPv4 range from /16 to /23."
  }

  validation {
    condition     = try(cidrhost(var.vpc_cidr, 0) == split("/", var.vpc_cidr)[0], false)
    error_message = "vpc_cidr is \"${var.vpc_cidr}\": the address is not the first of its range, and AWS would store another value than the configuration says. Give the range by its first address."
  }
}

variable "zone_count" {
  type        = number
  description = "How many availability zones to use, 2 to 4. RDS asks for two. More can be added later: no subnet is renumbered."
  nullable    = false
  default     = 2

  validation {
    condition     = contains([2, 3, 4], var.zone_count)
    error_message = "zone_count is ${var.zone_count}: a database subnet group needs two zones, and this module plans for four at most. Give 2, 3 or 4."
  }
}

variable "availability_zones" {
  type        = list(string)
  description = "Names of the zones, to pin them (for example where a zone does not offer an instance type). Default null: the first zone_count zones of the region by name. zone_count is not used when this is given."
  default     = null

  validation {
    condition     = var.availability_zones == null ? true : length(var.availability_zones) >= 2 && length(var.availability_zones) <= 4 && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "availability_zones is ${jsonencode(var.availability_zones)}: give two to four different zones."
  }

  validation {
    condition     = var.availability_zones == null ? true : alltrue([for zone in var.availability_zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+[a-h]$", zone))])
    error_message = "availability_zones is ${jsonencode(var.availability_zones)}: the last letter of a zone's name (a to h) chooses its subnets' ranges. Give zone names such as eu-west-2a, not zone ids (euw2-az1) or local zones."
  }
}

variable "existing_vpc" {
  type = object({
    id                      = string
    private_subnet_ids      = list(string)
    database_subnet_ids     = list(string)
    private_route_table_ids = optional(list(string), [])
  })
  description = "A VPC that exists: then this module makes only security groups and endpoints in it. private_subnet_ids: at most one a zone, for endpoints, functions and the jump host. database_subnet_ids: at least two zones. private_route_table_ids: tables of the private subnets, for the S3 gateway endpoint. Default null: a VPC is made. It is one object because only its being null must be known when planning; the ids may come from another module."
  default     = null

  validation {
    condition     = var.existing_vpc == null ? true : startswith(var.existing_vpc.id, "vpc-")
    error_message = "existing_vpc.id is \"${try(var.existing_vpc.id, "null")}\": give the VPC's id (vpc-...), not its name, range or ARN."
  }

  validation {
    condition     = var.existing_vpc == null ? true : alltrue([for id in concat(var.existing_vpc.private_subnet_ids, var.existing_vpc.database_subnet_ids) : startswith(id, "subnet-")])
    error_message = "existing_vpc has the subnets ${jsonencode(try(concat(var.existing_vpc.private_subnet_ids, var.existing_vpc.database_subnet_ids), []))}: give ids (subnet-...), not names, ranges or ARNs."
  }

  validation {
    condition     = var.existing_vpc == null ? true : alltrue([for id in var.existing_vpc.private_route_table_ids : startswith(id, "rtb-")])
    error_message = "existing_vpc.private_route_table_ids is ${jsonencode(try(var.existing_vpc.private_route_table_ids, []))}: give the ids of route tables (rtb-...)."
  }
}

variable "aws_api_access" {
  type        = string
  description = "How the private subnets reach the APIs of AWS. endpoints: interface endpoints, no way to the internet. nat: NAT gateways in public subnets, any host on port 443. none: nothing is made, for a VPC that has a way already."
  nullable    = false
  default     = "endpoints"

  validation {
    condition     = contains(["endpoints", "nat", "none"], var.aws_api_access)
    error_message = "aws_api_access is \"${var.aws_api_access}\": give endpoints, nat or none."
  }
}

variable "aws_api_egress_cidr_blocks" {
  type        = list(string)
  description = "IPv4 ranges that jump host and functions may call on port 443. Default null: nothing with endpoints (their group and S3's prefix list are enough), 0.0.0.0/0 with nat, the VPC's own ranges with none, and in an existing VPC for which not all of ssm, ssmmessages and secretsmanager are made (the others are there already). For an existing VPC behind NAT: aws_api_access = none and [\"0.0.0.0/0\"]."
  default     = null

  validation {
    condition     = var.aws_api_egress_cidr_blocks == null ? true : alltrue([for block in var.aws_api_egress_cidr_blocks : can(cidrhost(block, 0)) && !strcontains(block, ":")])
    error_message = "aws_api_egress_cidr_blocks is ${jsonencode(var.aws_api_egress_cidr_blocks)}: give IPv4 ranges such as 10.0.0.0/8."
  }
}

variable "interface_endpoints" {
  type        = set(string)
  description = "Services that get an interface endpoint when aws_api_access is endpoints, by short name. The README says which is needed for what. In an existing VPC leave out those that it has: two with private DNS for one service are refused by AWS."
  nullable    = false
  default     = ["ssm", "ssmmessages", "secretsmanager"]

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z][a-z0-9.-]*$", service)) && !startswith(service, "com.")])
    error_message = "interface_endpoints is ${jsonencode(var.interface_endpoints)}: give short names such as ssm or ecr.dkr; com.amazonaws.<region> is put before them."
  }

  validation {
    condition     = !contains(var.interface_endpoints, "s3")
    error_message = "interface_endpoints contains s3: S3 gets a gateway endpoint, which is free. Remove it here; see s3_gateway_endpoint."
  }
}

variable "endpoint_subnet_count" {
  type        = number
  description = "In how many private subnets each interface endpoint has an address. Default null: all. 1 costs the least, and ends with its zone."
  default     = null

  validation {
    condition     = var.endpoint_subnet_count == null ? true : var.endpoint_subnet_count >= 1 && floor(var.endpoint_subnet_count) == var.endpoint_subnet_count
    error_message = "endpoint_subnet_count is ${coalesce(var.endpoint_subnet_count, 0)}: give a whole number from 1 to the number of private subnets, or null for all."
  }
}

variable "endpoint_client_cidr_blocks" {
  type        = list(string)
  description = "IPv4 ranges that may use the interface endpoints besides the named groups. An endpoint answers to its service's name in the whole VPC, so whoever calls that service there and is not admitted is cut off from it. Default null: all ranges of an existing VPC; none in a VPC of our own."
  default     = null

  validation {
    condition     = var.endpoint_client_cidr_blocks == null ? true : alltrue([for block in var.endpoint_client_cidr_blocks : can(cidrhost(block, 0)) && !strcontains(block, ":")])
    error_message = "endpoint_client_cidr_blocks is ${jsonencode(var.endpoint_client_cidr_blocks)}: give IPv4 ranges such as 10.0.0.0/8, or [] for none."
  }
}

variable "endpoint_policies" {
  type        = map(string)
  description = "Endpoint policies as JSON, by service (s3 too): a second lock beside the roles' policies. Without one: S3 in a VPC of our own lets objects of AWS's buckets for agent updates, Amazon Linux and ECR be read and nothing else; everything else has AWS's full-access policy."
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.endpoint_policies) : can(jsondecode(policy).Statement)])
    error_message = "endpoint_policies has a value that is not a policy document in JSON, for one of ${jsonencode(keys(var.endpoint_policies))}. Give jsonencode({ Version = \"2012-10-17\", Statement = [...] })."
  }
}

variable "s3_gateway_endpoint" {
  type        = bool
  description = "Whether to make the gateway endpoint of S3 (free; agent updates and Amazon Linux packages come from S3). Set it to false where the existing VPC's route tables have one: a second is refused."
  nullable    = false
  default     = true
}

variable "nat_per_zone" {
  type        = bool
  description = "With aws_api_access = nat: one NAT gateway for each zone instead of one in the first zone. Costs more; the loss of a zone then does not cut off the others."
  nullable    = false
  default     = false
}

variable "database_port" {
  type        = number
  description = "Port of the database, as given to the database module."
  nullable    = false
  default     = 5432

  validation {
    condition     = var.database_port >= 1150 && var.database_port <= 65535 && floor(var.database_port) == var.database_port
    error_message = "database_port is ${var.database_port}: RDS accepts 1150 to 65535."
  }
}

variable "database_proxy" {
  type        = bool
  description = "Whether to make a security group for an RDS Proxy between the clients and the database (see the database module's proxy)."
  nullable    = false
  default     = false
}

variable "client_security_group_ids" {
  type        = map(string)
  description = "Security groups of the applications that may reach the database and the interface endpoints, by a name of your choice (the name is the key in Terraform's state; the id may be unknown when planning). Their own egress rules are yours."
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.client_security_group_ids) : !contains(["jump_host", "functions", "proxy"], name)])
    error_message = "client_security_group_ids has one of the names jump_host, functions, proxy: those are groups of this module. Choose another name."
  }
}
