locals {
  ec2_policies = local.is_ec2 ? toset(concat(["agent-sessions"], var.agent_update_schedule == null ? [] : ["agent-update"])) : toset([])

  # Families with a "g" after the generation are Graviton (t4g, m7gd, c8gn); a1 was the first.
  instance_architecture = can(regex("^([a-z]+[0-9]+g[a-z0-9]*|a1)\\.", var.instance_type)) ? "arm64" : "x86_64"
}

resource "aws_iam_role" "instance" {
  count = local.is_ec2 ? 1 : 0

  name                 = local.full_name
  description          = "The SSM agent of the jump host: serves sessions and updates itself."
  assume_role_policy   = templatefile("${path.module}/policies/trust-ec2.json.tftpl", {})
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "instance" {
  for_each = local.ec2_policies

  name   = each.key
  role   = aws_iam_role.instance[0].name
  policy = templatefile("${path.module}/policies/${each.key}.json.tftpl", local.template_variables)
}

resource "aws_iam_instance_profile" "this" {
  count = local.is_ec2 ? 1 : 0

  name = local.full_name
  role = aws_iam_role.instance[0].name
  tags = local.tags
}

resource "aws_launch_template" "this" {
  count = local.is_ec2 ? 1 : 0

  name                   = local.full_name
  description            = "Jump host without key, public address and inbound rule."
  update_default_version = true

  # Resolved by EC2 at each launch, not by Terraform at each plan: a new instance has the newest image, and an apply that is
  # about something else does not replace the host because Amazon released one.
  image_id      = "resolve:ssm:${var.ami_ssm_parameter}"
  instance_type = var.instance_type

  iam_instance_profile {
    arn = aws_iam_instance_profile.this[0].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = "false"
    delete_on_termination       = "true"
    security_groups             = var.security_group_ids
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      encrypted             = "true"
      volume_type           = "gp3"
      delete_on_termination = "true"
    }
  }

  # The auto-scaling group tags the instance; these two it does not.
  dynamic "tag_specifications" {
    for_each = toset(["network-interface", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }

  tags = local.tags

  lifecycle {
    precondition {
      condition     = var.ecs == null
      error_message = "ecs is given, but variant is \"ec2\": set variant = \"ecs\" or leave ecs out."
    }

    precondition {
      condition     = !endswith(var.ami_ssm_parameter, local.instance_architecture == "arm64" ? "x86_64" : "arm64")
      error_message = "instance_type ${var.instance_type} is ${local.instance_architecture}, ami_ssm_parameter ${var.ami_ssm_parameter} is not: an instance of it would never start. Change one of them."
    }
  }
}

resource "aws_autoscaling_group" "this" {
  count = local.is_ec2 ? 1 : 0

  name                      = local.full_name
  min_size                  = 1
  max_size                  = 1
  desired_capacity          = 1
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = "EC2"
  health_check_grace_period = 120
  default_instance_warmup   = 180
  max_instance_lifetime     = var.max_instance_lifetime_days * 86400

  launch_template {
    id      = aws_launch_template.this[0].id
    version = aws_launch_template.this[0].latest_version
  }

  # Replace means: first a new one, and three minutes for its agent to register; then the old one goes.
  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 200
  }

  # A change of the template always starts one. So does one of the tags: without the new tag nobody would find the instance.
  instance_refresh {
    strategy = "Rolling"
    triggers = ["tag"]

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = "180"
    }
  }

  dynamic "tag" {
    for_each = local.host_tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # An instance that starts before its role may do anything registers late, and the first session finds nobody.
  depends_on = [aws_iam_role_policy.instance]
}

# State Manager runs it on every instance that gets the tag, and by the schedule.
resource "aws_ssm_association" "agent_update" {
  count = local.is_ec2 && var.agent_update_schedule != null ? 1 : 0

  name                = "AWS-UpdateSSMAgent"
  association_name    = "${local.full_name}-agent"
  schedule_expression = var.agent_update_schedule
  tags                = local.tags

  targets {
    key    = "tag:${local.tag.key}"
    values = [local.tag.value]
  }
}
