# One document per account and region, with a fixed name: the preferences of everybody's sessions there.
resource "aws_ssm_document" "session_preferences" {
  count = var.session_preferences == null ? 0 : 1

  name            = "SSM-SessionManagerRunShell"
  document_type   = "Session"
  document_format = "JSON"
  tags            = local.tags

  content = jsonencode({
    schemaVersion = "1.0"
    description   = "Session Manager's preferences of this account and region, by ${local.full_name}."
    sessionType   = "Standard_Stream"
    inputs = {
      idleSessionTimeout = tostring(var.session_preferences.idle_timeout_minutes)
      maxSessionDuration = var.session_preferences.max_duration_minutes == null ? "" : tostring(var.session_preferences.max_duration_minutes)
    }
  })
}
