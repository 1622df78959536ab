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
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-2:123456789012:cluster/postern-jump-host-app-staging" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-2:123456789012:task-definition/postern-jump-host-app-staging:1" }
  }
}

variables {
  name               = "app-staging"
  tags               = { team = "shop" }
  variant            = "ecs"
  subnet_ids         = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
  security_group_ids = ["sg-0cccccccccccccccc"]
  ecs                = { image = "123456789012.dkr.ecr.eu-west-2.amazonaws.com/tools/jump-host@sha256:0123" }
}

run "a_session_can_be_started_on_the_task" {
  assert {
    condition     = aws_ecs_service.this[0].enable_execute_command && aws_ecs_service.this[0].desired_count == 1 && aws_ecs_service.this[0].launch_type == "FARGATE"
    error_message = "Without ECS Exec there is no agent in the task."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this[0].container_definitions)[0].linuxParameters.initProcessEnabled
    error_message = "Without an init the agent's ended processes stay."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this[0].container_definitions)[0].readonlyRootFilesystem == false
    error_message = "ECS Exec does not work with a read-only root."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this[0].container_definitions)[0].command == ["sleep", "infinity"]
    error_message = "The container has to stay alive."
  }
  assert {
    condition     = aws_ecs_task_definition.this[0].network_mode == "awsvpc" && aws_ecs_task_definition.this[0].cpu == "256" && aws_ecs_task_definition.this[0].memory == "512" && aws_ecs_task_definition.this[0].runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "The smallest task of Fargate, on ARM."
  }
}

run "nobody_reaches_the_task_from_outside" {
  assert {
    condition     = aws_ecs_service.this[0].network_configuration[0].assign_public_ip == false && toset(aws_ecs_service.this[0].network_configuration[0].security_groups) == toset(["sg-0cccccccccccccccc"])
    error_message = "The task must have no public address and exactly the given groups."
  }
  assert {
    condition     = !strcontains(aws_ecs_task_definition.this[0].container_definitions, "portMappings")
    error_message = "The container has no ports."
  }
}

run "sessions_are_allowed_on_this_cluster_only" {
  assert {
    condition     = output.target_arns == tolist(["arn:aws:ecs:eu-west-2:123456789012:task/postern-jump-host-app-staging/*"]) && !output.target_is_tagged
    error_message = "Output target_arns: ${jsonencode(output.target_arns)}"
  }
  assert {
    condition     = aws_ecs_cluster.this[0].name == "postern-jump-host-app-staging" && output.ecs == { cluster_arn = "arn:aws:ecs:eu-west-2:123456789012:cluster/postern-jump-host-app-staging", cluster_name = "postern-jump-host-app-staging", service_name = "postern-jump-host-app-staging", container_name = "jump-host" }
    error_message = "Output ecs: ${jsonencode(output.ecs)}"
  }
}

run "the_task_serves_sessions_and_only_ecs_pulls_the_image" {
  assert {
    condition     = aws_iam_role.task[0].name == "postern-jump-host-app-staging-task" && aws_iam_role_policy.task[0].name == "task-sessions"
    error_message = "The task's role has one policy, and not the name of the instance's: a switch of the variant would make it before that one is gone."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.execution[0].policy).Statement[1].Resource == "arn:aws:ecr:eu-west-2:123456789012:repository/tools/jump-host"
    error_message = "The execution role pulls from exactly this repository: ${aws_iam_role_policy.execution[0].policy}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.task[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Only tasks of this account may assume the role."
  }
}

run "an_image_of_another_registry_is_no_repository_of_anybodys" {
  variables {
    ecs = { image = "public.ecr.aws/amazonlinux/amazonlinux:2023" }
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.execution[0].policy).Statement[1].Resource == "arn:aws:ecr:eu-west-2:123456789012:repository/postern-jump-host-app-staging"
    error_message = "No other repository may be read: ${aws_iam_role_policy.execution[0].policy}"
  }
}

run "nothing_of_the_other_variant" {
  assert {
    condition     = length(aws_autoscaling_group.this) == 0 && length(aws_launch_template.this) == 0 && length(aws_ssm_association.agent_update) == 0 && length(aws_iam_role.instance) == 0 && output.autoscaling_group_name == null
    error_message = "Variant ecs must make nothing of EC2."
  }
}

run "it_asks_for_an_image" {
  command = plan
  variables {
    ecs = null
  }
  expect_failures = [aws_ecs_task_definition.this]
}

run "fargate_has_no_such_size" {
  command = plan
  variables {
    ecs = { image = "jump-host", cpu = 256, memory = 4096 }
  }
  expect_failures = [var.ecs]
}

run "fargate_has_no_half_gigabytes_from_512_units_on" {
  command = plan
  variables {
    ecs = { image = "jump-host", cpu = 512, memory = 1536 }
  }
  expect_failures = [var.ecs]
}

run "fargate_has_no_more_than_30_gigabytes_for_4096_units" {
  command = plan
  variables {
    ecs = { image = "jump-host", cpu = 4096, memory = 32768 }
  }
  expect_failures = [var.ecs]
}

run "fargate_has_these_sizes" {
  command = plan
  variables {
    ecs = { image = "jump-host", cpu = 512, memory = 3072 }
  }
}

run "fargate_has_its_largest_size" {
  command = plan
  variables {
    ecs = { image = "jump-host", cpu = 4096, memory = 30720 }
  }
}
