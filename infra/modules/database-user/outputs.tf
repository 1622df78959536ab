output "policy_arn" {
  description = "The policy, for principals that are not among role_names."
  value       = aws_iam_policy.this.arn
}

output "policy_json" {
  description = "The policy's text, for a role whose policies are kept elsewhere."
  value       = local.policy
}

output "user_arns" {
  description = "The ARNs that the policy allows rds-db:connect on."
  value       = local.user_arns
}
