mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/mocked" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 7 }
  }
}

variables {
  name               = "app-staging"
  tags               = { team = "shop" }
  subnet_ids         = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
  security_group_ids = ["sg-0cccccccccccccccc"]
}

run "nobody_reaches_the_instance_from_outside" {
  assert {
    condition     = aws_launch_template.this[0].key_name == null
    error_message = "There must be no key: ${jsonencode(aws_launch_template.this[0].key_name)}"
  }
  assert {
    condition     = length(aws_launch_template.this[0].network_interfaces) == 1 && aws_launch_template.this[0].network_interfaces[0].associate_public_ip_address == "false"
    error_message = "The instance must have one interface and no public address."
  }
  assert {
    condition     = toset(aws_launch_template.this[0].network_interfaces[0].security_groups) == toset(["sg-0cccccccccccccccc"])
    error_message = "The instance must have exactly the given security groups."
  }
  assert {
    condition     = aws_launch_template.this[0].user_data == null
    error_message = "Nothing is run at start: what is not there need not be updated."
  }
}

run "the_roles_credentials_are_kept_from_forged_requests" {
  assert {
    condition = (
      aws_launch_template.this[0].metadata_options[0].http_endpoint == "enabled" &&
      aws_launch_template.this[0].metadata_options[0].http_tokens == "required" &&
      aws_launch_template.this[0].metadata_options[0].http_put_response_hop_limit == 1
    )
    error_message = "IMDSv2 must be required, with one hop."
  }
}

run "the_volume_is_encrypted" {
  assert {
    condition = (
      aws_launch_template.this[0].block_device_mappings[0].device_name == "/dev/xvda" &&
      aws_launch_template.this[0].block_device_mappings[0].ebs[0].encrypted == "true" &&
      aws_launch_template.this[0].block_device_mappings[0].ebs[0].delete_on_termination == "true"
    )
    error_message = "The root volume of Amazon Linux is /dev/xvda, and has to be encrypted and deleted with the instance."
  }
}

run "a_dead_instance_is_replaced_and_an_old_one_too" {
  assert {
    condition     = aws_autoscaling_group.this[0].min_size == 1 && aws_autoscaling_group.this[0].max_size == 1 && aws_autoscaling_group.this[0].desired_capacity == 1
    error_message = "The group must keep exactly one instance."
  }
  assert {
    condition     = toset(aws_autoscaling_group.this[0].vpc_zone_identifier) == toset(["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"])
    error_message = "The group must use all subnets, so that it survives a zone."
  }
  assert {
    condition     = aws_autoscaling_group.this[0].max_instance_lifetime == 2592000
    error_message = "30 days are 2,592,000 s: ${aws_autoscaling_group.this[0].max_instance_lifetime}"
  }
  assert {
    condition     = aws_autoscaling_group.this[0].instance_maintenance_policy[0].min_healthy_percentage == 100 && aws_autoscaling_group.this[0].instance_maintenance_policy[0].max_healthy_percentage == 200
    error_message = "The new instance must be there before the old one goes."
  }
  assert {
    condition     = aws_autoscaling_group.this[0].launch_template[0].version == "7" && aws_autoscaling_group.this[0].instance_refresh[0].strategy == "Rolling" && contains(aws_autoscaling_group.this[0].instance_refresh[0].triggers, "tag")
    error_message = "A change of template or tags must replace the instance: $Latest as version would start no refresh."
  }
  assert {
    condition     = aws_launch_template.this[0].image_id == "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    error_message = "EC2 has to look the image up at launch: ${aws_launch_template.this[0].image_id}"
  }
}

run "tunnels_find_the_instance_by_its_tag" {
  assert {
    condition = { for tag in aws_autoscaling_group.this[0].tag : tag.key => tag.value } == {
      "Name"              = "postern-jump-host-app-staging"
      "postern:jump-host" = "app-staging"
      "team"              = "shop"
    }
    error_message = "Tags of the instance: ${jsonencode(aws_autoscaling_group.this[0].tag)}"
  }
  assert {
    condition     = alltrue([for tag in aws_autoscaling_group.this[0].tag : tag.propagate_at_launch])
    error_message = "Each tag has to be there when the instance starts."
  }
  assert {
    condition     = output.tag == { key = "postern:jump-host", value = "app-staging" } && output.target_is_tagged
    error_message = "Output tag: ${jsonencode(output.tag)}"
  }
  assert {
    condition     = output.target_arns == tolist(["arn:aws:ec2:eu-west-2:123456789012:instance/*"])
    error_message = "Output target_arns: ${jsonencode(output.target_arns)}"
  }
  assert {
    condition     = { for specification in aws_launch_template.this[0].tag_specifications : specification.resource_type => specification.tags["team"] } == { network-interface = "shop", volume = "shop" }
    error_message = "Volume and interface need the given tags: the group does not hand them on."
  }
}

run "a_tag_of_ones_own_that_no_other_tag_replaces" {
  variables {
    tag  = { key = "Role", value = "db-jump" }
    tags = { Role = "something else" }
  }
  assert {
    condition     = { for tag in aws_autoscaling_group.this[0].tag : tag.key => tag.value }["Role"] == "db-jump"
    error_message = "var.tags must not decide who may start a session."
  }
  assert {
    condition     = output.tag == { key = "Role", value = "db-jump" } && aws_ssm_association.agent_update[0].targets[0].key == "tag:Role"
    error_message = "All places must use the same tag: ${jsonencode(output.tag)}"
  }
}

run "the_role_serves_sessions_and_updates_the_agent" {
  assert {
    condition     = keys(aws_iam_role_policy.instance) == ["agent-sessions", "agent-update"] && aws_iam_role.instance[0].name == "postern-jump-host-app-staging"
    error_message = "Policies: ${jsonencode(keys(aws_iam_role_policy.instance))}"
  }
  assert {
    condition     = !strcontains(join("", values(aws_iam_role_policy.instance)[*].policy), "secretsmanager") && !strcontains(join("", values(aws_iam_role_policy.instance)[*].policy), "rds")
    error_message = "The jump host must know nothing of databases and secrets."
  }
  assert {
    condition     = jsondecode(aws_iam_role.instance[0].assume_role_policy).Statement[0].Principal.Service == "ec2.amazonaws.com"
    error_message = "Only EC2 may assume the role."
  }
}

run "the_agent_is_kept_new" {
  assert {
    condition = (
      aws_ssm_association.agent_update[0].name == "AWS-UpdateSSMAgent" &&
      aws_ssm_association.agent_update[0].schedule_expression == "rate(7 days)" &&
      aws_ssm_association.agent_update[0].targets[0].key == "tag:postern:jump-host" &&
      toset(aws_ssm_association.agent_update[0].targets[0].values) == toset(["app-staging"])
    )
    error_message = "State Manager must update the agent of what has the tag."
  }
}

run "without_updates_there_is_no_permission_for_them" {
  variables {
    agent_update_schedule = null
  }
  assert {
    condition     = length(aws_ssm_association.agent_update) == 0 && keys(aws_iam_role_policy.instance) == ["agent-sessions"]
    error_message = "agent_update_schedule = null must leave out both."
  }
}

run "session_preferences_of_the_account_are_left_alone" {
  assert {
    condition     = length(aws_ssm_document.session_preferences) == 0
    error_message = "The document holds for everybody's sessions in the account and region."
  }
}

run "session_preferences_when_asked_for" {
  variables {
    session_preferences = { idle_timeout_minutes = 60, max_duration_minutes = 480 }
  }
  assert {
    condition     = aws_ssm_document.session_preferences[0].name == "SSM-SessionManagerRunShell" && aws_ssm_document.session_preferences[0].document_type == "Session"
    error_message = "Session Manager reads no other document."
  }
  assert {
    condition     = jsondecode(aws_ssm_document.session_preferences[0].content).inputs == { idleSessionTimeout = "60", maxSessionDuration = "480" }
    error_message = "Minutes are texts: ${aws_ssm_document.session_preferences[0].content}"
  }
}

run "session_preferences_without_a_longest_duration" {
  variables {
    session_preferences = {}
  }
  assert {
    condition     = jsondecode(aws_ssm_document.session_preferences[0].content).inputs == { idleSessionTimeout = "20", maxSessionDuration = "" }
    error_message = "An empty text is no limit: ${aws_ssm_document.session_preferences[0].content}"
  }
}

run "nothing_of_the_other_variant" {
  assert {
    condition     = length(aws_ecs_cluster.this) == 0 && length(aws_ecs_service.this) == 0 && length(aws_iam_role.task) == 0 && output.ecs == null
    error_message = "Variant ec2 must make nothing of ECS."
  }
}

run "a_permissions_boundary" {
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }
  assert {
    condition     = aws_iam_role.instance[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role must have the boundary."
  }
}
