output "identifier" {
  description = "Identifier of the cluster or instance. Not the resource id: policies need that one."
  value       = local.database.identifier
}

output "arn" {
  description = "ARN of the cluster or instance."
  value       = local.database.arn
}

output "resource_id" {
  description = "Resource id (cluster-... or db-...): what an rds-db:connect policy names. It changes when the database is recreated or restored."
  value       = local.database.resource_id
}

output "endpoint" {
  description = "Writer: { host, port }. Waits for the instances: a cluster has an endpoint before anything answers there."
  value       = { host = local.database.host, port = local.database.port }

  depends_on = [aws_rds_cluster_instance.first, aws_rds_cluster_instance.others]
}

output "reader_endpoint" {
  description = "Readers: { host, port }, or null without readers."
  value       = local.is_aurora && var.readers > 0 ? { host = one(aws_rds_cluster.this[*].reader_endpoint), port = local.database.port } : null

  depends_on = [aws_rds_cluster_instance.first, aws_rds_cluster_instance.others]
}

output "master_secret_arn" {
  description = "ARN of the secret with the master's name and password, made and rotated by RDS. The ARN is no secret."
  value       = local.database.secret_arn
}

output "master_username" {
  description = "Name of the master user."
  value       = local.database.master_username
}

output "kms_key_arn" {
  description = "The key of your own that encrypts the master secret (who reads the secret needs kms:Decrypt), or null with AWS's key."
  value       = var.kms_key_arn
}

output "log_group_names" {
  description = "Names of the log groups by export: postgresql, iam-db-auth-error, and proxy if there is one."
  value = merge(
    { for export, group in aws_cloudwatch_log_group.export : export => group.name },
    { for group in aws_cloudwatch_log_group.proxy : "proxy" => group.name },
  )
}

output "proxy" {
  description = "The proxy as { endpoint = { host, port }, resource_id (prx-...) }, or null. Sign tokens for this host and name this id in policies."
  value = local.proxy_enabled ? {
    endpoint    = { host = one(aws_db_proxy.this[*].endpoint), port = 5432 }
    resource_id = element(split(":", one(aws_db_proxy.this[*].arn)), 6)
  } : null

  depends_on = [aws_db_proxy_target.this]
}
