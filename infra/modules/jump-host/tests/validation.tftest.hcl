mock_provider "aws" {}

variables {
  name               = "app-staging"
  subnet_ids         = ["subnet-0aaaaaaaaaaaaaaaa"]
  security_group_ids = ["sg-0cccccccccccccccc"]
}

run "a_name_that_aws_does_not_take" {
  command = plan
  variables {
    name = "App_Staging"
  }
  expect_failures = [var.name]
}

run "a_tag_of_awss_own" {
  command = plan
  variables {
    tag = { key = "aws:jump-host" }
  }
  expect_failures = [var.tag]
}

run "tags_of_awss_own" {
  command = plan
  variables {
    tags = { "aws:x" = "y" }
  }
  expect_failures = [var.tags]
}

run "a_third_variant" {
  command = plan
  variables {
    variant = "eks"
  }
  expect_failures = [var.variant]
}

run "no_subnet" {
  command = plan
  variables {
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "the_default_security_group" {
  command = plan
  variables {
    security_group_ids = []
  }
  expect_failures = [var.security_group_ids]
}

run "no_instance_type" {
  command = plan
  variables {
    instance_type = "nano"
  }
  expect_failures = [var.instance_type]
}

run "an_image_without_the_agent" {
  command = plan
  variables {
    ami_ssm_parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64"
  }
  expect_failures = [var.ami_ssm_parameter]
}

run "an_image_in_place_of_its_parameter" {
  command = plan
  variables {
    ami_ssm_parameter = "ami-0123456789abcdef0"
  }
  expect_failures = [var.ami_ssm_parameter]
}

run "an_image_of_another_architecture" {
  command = plan
  variables {
    instance_type = "t3.nano"
  }
  expect_failures = [aws_launch_template.this]
}

run "an_intel_instance_with_its_image" {
  command = plan
  variables {
    instance_type     = "t3.nano"
    ami_ssm_parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
  }
}

run "an_image_for_a_variant_without_containers" {
  command = plan
  variables {
    ecs = { image = "jump-host" }
  }
  expect_failures = [aws_launch_template.this]
}

run "a_schedule_in_words" {
  command = plan
  variables {
    agent_update_schedule = "weekly"
  }
  expect_failures = [var.agent_update_schedule]
}

run "a_lifetime_that_ec2_does_not_have" {
  command = plan
  variables {
    max_instance_lifetime_days = 0.5
  }
  expect_failures = [var.max_instance_lifetime_days]
}

run "an_idle_time_that_session_manager_does_not_have" {
  command = plan
  variables {
    session_preferences = { idle_timeout_minutes = 90 }
  }
  expect_failures = [var.session_preferences]
}

run "a_duration_that_session_manager_does_not_have" {
  command = plan
  variables {
    session_preferences = { max_duration_minutes = 1441 }
  }
  expect_failures = [var.session_preferences]
}
