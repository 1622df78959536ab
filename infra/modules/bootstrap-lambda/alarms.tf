locals {
  alarmed_functions = var.alarms == null ? {} : local.functions
  alarm_actions     = try(var.alarms.sns_topic_arns, [])
}

# What a run answers as a failure is no error for Lambda. The function counts it itself, by action, in its log.
resource "aws_cloudwatch_metric_alarm" "failures" {
  for_each = local.alarmed_functions

  alarm_name          = "${each.value.name}-failures"
  alarm_description   = "A run of ${each.value.name} reported a failure: see ${aws_cloudwatch_log_group.this[each.key].name}, level ERROR."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  tags                = merge(local.tags, { Name = "${each.value.name}-failures" })

  metric_query {
    id          = "total"
    expression  = "SUM(METRICS())"
    label       = "Failures"
    return_data = true
  }

  dynamic "metric_query" {
    # "none": refused before it was known what was wanted, as with a wrong configuration.
    for_each = toset(concat(each.value.actions, ["none"]))

    content {
      id          = metric_query.value
      return_data = false

      metric {
        namespace   = "Postern"
        metric_name = "Failures"
        stat        = "Sum"
        period      = 300
        dimensions = {
          function_name = each.value.name
          action        = metric_query.value
        }
      }
    }
  }
}

# Crashed, out of time or memory, or thrown for Terraform.
resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.alarmed_functions

  alarm_name          = "${each.value.name}-errors"
  alarm_description   = "An invocation of ${each.value.name} ended without an answer: see ${aws_cloudwatch_log_group.this[each.key].name}."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  tags                = merge(local.tags, { Name = "${each.value.name}-errors" })

  dimensions = {
    FunctionName = each.value.name
  }
}
