output "bootstrap" {
  description = "The function that makes databases, roles and migrations."
  value       = local.outputs.bootstrap
}

output "testdb" {
  description = "The function for test databases; null with test_databases = false."
  # lookup, not try: in the first plan try() of what is partly unknown is unknown, and nobody could ask whether it is null.
  value = lookup(local.outputs, "testdb", null)
}

output "invocation_result" {
  description = "What the function answered to invoke_after_deploy, as JSON; null without it."
  value       = one(aws_lambda_invocation.apply[*].result)
}
