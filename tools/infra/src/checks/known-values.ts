import type { HclFile } from '../hcl/file.ts';
import { constantString, type Expression } from '../hcl/syntax.ts';
import { type Findings, meant } from './finding.ts';

/**
 * Values that the provider or AWS checks and the schema does not carry, for arguments that infra/ uses. From the
 * provider's documentation of 6.25 and the AWS API references.
 */
const values: Record<string, readonly string[]> = {
  'aws_autoscaling_group.health_check_type': ['EC2', 'ELB', 'EBS', 'VPC_LATTICE'],
  'aws_autoscaling_group.instance_refresh.strategy': ['Rolling'],
  'aws_cloudwatch_log_group.log_group_class': ['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY'],
  'aws_cloudwatch_metric_alarm.comparison_operator': [
    'GreaterThanOrEqualToThreshold',
    'GreaterThanThreshold',
    'LessThanThreshold',
    'LessThanOrEqualToThreshold',
    'LessThanLowerOrGreaterThanUpperThreshold',
    'LessThanLowerThreshold',
    'GreaterThanUpperThreshold',
  ],
  'aws_cloudwatch_metric_alarm.statistic': ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'],
  'aws_cloudwatch_metric_alarm.treat_missing_data': ['missing', 'ignore', 'breaching', 'notBreaching'],
  'aws_db_instance.ca_cert_identifier': ['rds-ca-rsa2048-g1', 'rds-ca-rsa4096-g1', 'rds-ca-ecc384-g1'],
  'aws_db_instance.storage_type': ['standard', 'gp2', 'gp3', 'io1', 'io2'],
  'aws_db_parameter_group.parameter.apply_method': ['immediate', 'pending-reboot'],
  'aws_db_proxy.auth.auth_scheme': ['SECRETS'],
  'aws_db_proxy.auth.client_password_auth_type': [
    'MYSQL_NATIVE_PASSWORD',
    'MYSQL_CACHING_SHA2_PASSWORD',
    'POSTGRES_SCRAM_SHA_256',
    'POSTGRES_MD5',
    'SQL_SERVER_AUTHENTICATION',
  ],
  'aws_db_proxy.auth.iam_auth': ['DISABLED', 'REQUIRED', 'ENABLED'],
  'aws_db_proxy.default_auth_scheme': ['IAM_AUTH', 'NONE'],
  'aws_db_proxy.engine_family': ['MYSQL', 'POSTGRESQL', 'SQLSERVER'],
  'aws_ecs_service.launch_type': ['EC2', 'FARGATE', 'EXTERNAL'],
  'aws_ecs_service.propagate_tags': ['SERVICE', 'TASK_DEFINITION', 'NONE'],
  'aws_ecs_task_definition.network_mode': ['none', 'bridge', 'awsvpc', 'host'],
  'aws_ecs_task_definition.runtime_platform.cpu_architecture': ['X86_64', 'ARM64'],
  'aws_eip.domain': ['vpc', 'standard'],
  'aws_lambda_function.architectures': ['x86_64', 'arm64'],
  'aws_lambda_function.logging_config.application_log_level': [
    'TRACE',
    'DEBUG',
    'INFO',
    'WARN',
    'ERROR',
    'FATAL',
  ],
  'aws_lambda_function.logging_config.log_format': ['Text', 'JSON'],
  'aws_lambda_function.logging_config.system_log_level': ['DEBUG', 'INFO', 'WARN'],
  'aws_lambda_function.package_type': ['Zip', 'Image'],
  'aws_lambda_function.runtime': ['nodejs22.x', 'nodejs24.x'],
  'aws_lambda_function.tracing_config.mode': ['Active', 'PassThrough'],
  'aws_lambda_invocation.lifecycle_scope': ['CREATE_ONLY', 'CRUD'],
  'aws_launch_template.block_device_mappings.ebs.encrypted': ['true', 'false'],
  'aws_launch_template.block_device_mappings.ebs.volume_type': [
    'standard',
    'io1',
    'io2',
    'gp2',
    'gp3',
    'sc1',
    'st1',
  ],
  'aws_launch_template.metadata_options.http_endpoint': ['enabled', 'disabled'],
  'aws_launch_template.metadata_options.http_tokens': ['required', 'optional'],
  'aws_launch_template.metadata_options.instance_metadata_tags': ['enabled', 'disabled'],
  'aws_launch_template.tag_specifications.resource_type': [
    'instance',
    'volume',
    'network-interface',
    'spot-instances-request',
  ],
  'aws_rds_cluster.enabled_cloudwatch_logs_exports': ['postgresql', 'iam-db-auth-error', 'instance'],
  'aws_rds_cluster.engine': ['aurora-postgresql'],
  'aws_rds_cluster.engine_mode': ['provisioned'],
  'aws_rds_cluster.storage_type': ['', 'aurora', 'aurora-iopt1'],
  'aws_rds_cluster_instance.ca_cert_identifier': [
    'rds-ca-rsa2048-g1',
    'rds-ca-rsa4096-g1',
    'rds-ca-ecc384-g1',
  ],
  'aws_rds_cluster_instance.engine': ['aurora-postgresql'],
  'aws_rds_cluster_parameter_group.parameter.apply_method': ['immediate', 'pending-reboot'],
  'aws_scheduler_schedule.flexible_time_window.mode': ['OFF', 'FLEXIBLE'],
  'aws_scheduler_schedule.state': ['ENABLED', 'DISABLED'],
  'aws_ssm_association.compliance_severity': ['UNSPECIFIED', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'],
  'aws_ssm_document.document_format': ['JSON', 'YAML', 'TEXT'],
  'aws_ssm_document.document_type': [
    'Automation',
    'Automation.ChangeTemplate',
    'Command',
    'ChangeCalendar',
    'Package',
    'Policy',
    'Session',
  ],
  'aws_ssm_parameter.type': ['String', 'StringList', 'SecureString'],
  'aws_vpc.instance_tenancy': ['default', 'dedicated'],
  'aws_vpc_endpoint.vpc_endpoint_type': [
    'Gateway',
    'GatewayLoadBalancer',
    'Interface',
    'Resource',
    'ServiceNetwork',
  ],
  'aws_vpc_security_group_egress_rule.ip_protocol': ['-1', 'tcp', 'udp', 'icmp', 'icmpv6'],
  'aws_vpc_security_group_ingress_rule.ip_protocol': ['-1', 'tcp', 'udp', 'icmp', 'icmpv6'],
};

/** CloudWatch takes these retentions only. */
const numbers: Record<string, readonly number[]> = {
  'aws_cloudwatch_log_group.retention_in_days': [
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
    3653,
  ],
};

/** Whether a value written out is one that AWS takes; all that an expression may come to by a condition or list. */
export function checkValue(findings: Findings, file: HclFile, path: string, expression: Expression): void {
  const allowed = values[path];
  const allowedNumbers = numbers[path];
  if (allowed === undefined && allowedNumbers === undefined) return;
  for (const leaf of leavesOf(expression)) {
    const text = constantString(leaf);
    if (allowed !== undefined && text !== undefined && !allowed.includes(text)) {
      findings.add(
        'unknown-value',
        file,
        leaf.at,
        `${path} cannot be "${text}".${meant(text, allowed)} Known: ${allowed.join(', ')}`,
      );
    }
    if (
      allowedNumbers !== undefined &&
      leaf.kind === 'literal' &&
      typeof leaf.value === 'number' &&
      !allowedNumbers.includes(leaf.value)
    ) {
      findings.add(
        'unknown-value',
        file,
        leaf.at,
        `${path} cannot be ${leaf.value}. Known: ${allowedNumbers.join(', ')}`,
      );
    }
  }
}

function leavesOf(expression: Expression): Expression[] {
  switch (expression.kind) {
    case 'conditional':
      return [...leavesOf(expression.yes), ...leavesOf(expression.no)];
    case 'parentheses':
      return leavesOf(expression.of);
    case 'tuple':
      return expression.items.flatMap(leavesOf);
    default:
      return [expression];
  }
}
