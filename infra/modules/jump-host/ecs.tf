locals {
  # 123456789012.dkr.ecr.eu-west-2.amazonaws.com/tools/jump:1 → account, region and repository.
  ecr_image = try(regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr(?:-fips)?\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.[a-z.]+/(?P<repository>[^:@]+)", var.ecs.image), null)

  # An image of another registry needs no permission. But whether it is of another one may be known only after the
  # repository was made, and the number of policies before: so it has one for a repository of the module's own name.
  repository_arn = try(
    "arn:${local.partition}:ecr:${local.ecr_image.region}:${local.ecr_image.account}:repository/${local.ecr_image.repository}",
    "arn:${local.partition}:ecr:${local.region}:${local.account_id}:repository/${local.full_name}"
  )

  container_name = "jump-host"
}

# A cluster of its own: permission to start sessions on tasks is given by cluster, and no other task shall be in it. A
# cluster costs nothing.
resource "aws_ecs_cluster" "this" {
  count = local.is_ecs ? 1 : 0

  name = local.full_name
  tags = local.tags
}

# Not the name of the instance's role: when the variant is switched, both exist for some minutes.
resource "aws_iam_role" "task" {
  count = local.is_ecs ? 1 : 0

  name                 = "${local.full_name}-task"
  description          = "The SSM agent that ECS puts beside the container: serves sessions, nothing else."
  assume_role_policy   = templatefile("${path.module}/policies/trust-ecs-tasks.json.tftpl", local.template_variables)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = merge(local.tags, { Name = "${local.full_name}-task" })
}

resource "aws_iam_role_policy" "task" {
  count = local.is_ecs ? 1 : 0

  name   = "task-sessions"
  role   = aws_iam_role.task[0].name
  policy = templatefile("${path.module}/policies/task-sessions.json.tftpl", {})
}

# For pulling the image, nothing else: a container that sleeps writes no log.
resource "aws_iam_role" "execution" {
  count = local.is_ecs ? 1 : 0

  name                 = "${local.full_name}-execution"
  description          = "Lets ECS pull the jump host's image."
  assume_role_policy   = templatefile("${path.module}/policies/trust-ecs-tasks.json.tftpl", local.template_variables)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = merge(local.tags, { Name = "${local.full_name}-execution" })
}

resource "aws_iam_role_policy" "execution" {
  count = local.is_ecs ? 1 : 0

  name   = "task-image"
  role   = aws_iam_role.execution[0].name
  policy = templatefile("${path.module}/policies/task-image.json.tftpl", { repository_arn = local.repository_arn })
}

resource "aws_ecs_task_definition" "this" {
  count = local.is_ecs ? 1 : 0

  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = try(tostring(var.ecs.cpu), null)
  memory                   = try(tostring(var.ecs.memory), null)
  task_role_arn            = aws_iam_role.task[0].arn
  execution_role_arn       = aws_iam_role.execution[0].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = try(var.ecs.architecture, null)
  }

  container_definitions = jsonencode([{
    name      = local.container_name
    image     = try(var.ecs.image, null)
    command   = try(var.ecs.command, null)
    essential = true

    # The agent's processes are children of the container's first one: without an init they stay as zombies.
    linuxParameters = { initProcessEnabled = true }

    # ECS Exec does not support a read-only root: its agent writes its files into the container.
    readonlyRootFilesystem = false
  }])

  tags = local.tags

  lifecycle {
    precondition {
      condition     = var.ecs != null
      error_message = "variant is \"ecs\", but ecs is not given: name at least the image, ecs = { image = \"…\" }."
    }
  }
}

resource "aws_ecs_service" "this" {
  count = local.is_ecs ? 1 : 0

  name                               = local.full_name
  cluster                            = aws_ecs_cluster.this[0].arn
  task_definition                    = aws_ecs_task_definition.this[0].arn
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  enable_execute_command             = true
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = local.host_tags

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The agent of a task that starts before its role may do anything gives up, and nothing restarts it.
  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy.execution]
}
