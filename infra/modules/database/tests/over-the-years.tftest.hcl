# One cluster through several applies; the runs share their state, in this order. A mocked provider
# replaces nothing, so what is looked at is which values stay.

mock_provider "aws" {}

variables {
  name               = "app"
  environment_kind   = "staging"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

run "it_is_restored_from_a_snapshot" {
  command = apply

  variables {
    snapshot_identifier = "app-final"
  }

  assert {
    condition     = aws_rds_cluster.this[0].snapshot_identifier == "app-final"
    error_message = "The first apply must restore."
  }
}

run "another_snapshot_is_ignored" {
  command = plan

  variables {
    snapshot_identifier = "app-2026-11"
  }

  assert {
    condition     = aws_rds_cluster.this[0].snapshot_identifier == "app-final"
    error_message = "A later snapshot would replace the cluster and its data."
  }
}

run "it_becomes_production_without_another_support" {
  command = apply

  variables {
    environment_kind = "production"
  }

  assert {
    condition     = aws_rds_cluster.this[0].deletion_protection == true && aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "Extended Support is chosen once; a change would be tried in every apply."
  }
}

run "a_new_major_version_moves_to_its_own_group" {
  command = apply

  variables {
    environment_kind            = "production"
    engine_version              = "18.1"
    allow_major_version_upgrade = true
    apply_immediately           = true
  }

  assert {
    condition     = aws_rds_cluster.this[0].engine_version == "18.1" && aws_rds_cluster_parameter_group.this[0].family == "aurora-postgresql18" && aws_rds_cluster.this[0].db_cluster_parameter_group_name == aws_rds_cluster_parameter_group.this[0].name
    error_message = "The cluster must move to the group of its new family."
  }
}
