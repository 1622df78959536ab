output "variant" {
  description = "\"ec2\" or \"ecs\"."
  value       = var.variant
}

output "tag" {
  description = "Key and value of the tag of the host. Tunnels find an instance by it, not a task."
  value       = local.tag
}

output "target_arns" {
  description = "What ssm:StartSession is to be allowed on. Instances: all of the account, so a policy has to ask for the tag as well. Tasks: those of the cluster made here, which has no others."
  value = tolist([
    local.is_ec2
    ? "arn:${local.partition}:ec2:${local.region}:${local.account_id}:instance/*"
    : "arn:${local.partition}:ecs:${local.region}:${local.account_id}:task/${local.full_name}/*"
  ])
}

output "target_is_tagged" {
  description = "Whether the condition key ssm:resourceTag works for the target: true for an instance, false for a task."
  value       = local.is_ec2
}

output "role_arn" {
  description = "Role of the instance or of the task: serves sessions, reads nothing."
  value       = local.is_ec2 ? aws_iam_role.instance[0].arn : aws_iam_role.task[0].arn
}

output "autoscaling_group_name" {
  description = "Auto-scaling group of the instance; null with variant ecs."
  value       = one(aws_autoscaling_group.this[*].name)
}

output "ecs" {
  description = "Where the task is, to look up its id (see the README); null with variant ec2."
  value = local.is_ecs ? {
    cluster_arn    = aws_ecs_cluster.this[0].arn
    cluster_name   = aws_ecs_cluster.this[0].name
    service_name   = aws_ecs_service.this[0].name
    container_name = local.container_name
  } : null
}
