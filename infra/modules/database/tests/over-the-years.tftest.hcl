# One cluster through several applies. The runs share their state, in this order.

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

run "another_snapshot_does_not_replace_it" {
  command = apply

  variables {
    snapshot_identifier = "app-2026-11"
  }

  assert {
    condition     = aws_rds_cluster.this[0].snapshot_identifier == "app-final" && aws_rds_cluster.this[0].cluster_resource_id == run.it_is_restored_from_a_snapshot.resource_id
    error_message = "A later snapshot must be ignored: it would replace the cluster and its data."
  }
}

run "the_snapshots_name_may_go" {
  command = apply

  assert {
    condition     = aws_rds_cluster.this[0].cluster_resource_id == run.it_is_restored_from_a_snapshot.resource_id
    error_message = "Without the snapshot's name the cluster must stay."
  }
}

run "it_becomes_production_and_stays_the_same" {
  command = apply

  variables {
    environment_kind = "production"
    readers          = 1
  }

  assert {
    condition     = output.resource_id == run.it_is_restored_from_a_snapshot.resource_id && aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "Another kind must change the cluster in place; Extended Support cannot be changed."
  }
}

run "a_new_major_version_keeps_cluster_and_instances" {
  command = apply

  variables {
    environment_kind            = "production"
    readers                     = 1
    engine_version              = "18.1"
    allow_major_version_upgrade = true
    apply_immediately           = true
  }

  assert {
    condition     = output.resource_id == run.it_is_restored_from_a_snapshot.resource_id && aws_rds_cluster.this[0].engine_version == "18.1"
    error_message = "The upgrade must happen in place."
  }

  assert {
    condition     = aws_rds_cluster.this[0].db_cluster_parameter_group_name == aws_rds_cluster_parameter_group.this[0].name && aws_rds_cluster_parameter_group.this[0].family == "aurora-postgresql18"
    error_message = "The cluster must move to the group of its new family."
  }
}
