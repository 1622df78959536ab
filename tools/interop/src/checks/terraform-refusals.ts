import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Check, expectEqual, expectMatch } from '../check.ts';
import { terraform } from './terraform.ts';

const area = 'terraform';

interface Mistake {
  readonly name: string;
  /** Body of a configuration. */
  readonly body: string;
  readonly refusal: RegExp;
}

const LOG_GROUP = 'resource "aws_cloudwatch_log_group" "this"';

/** What Terraform must not accept: that the checks above pass would say little without these. */
const mistakes: readonly Mistake[] = [
  {
    name: 'an unknown type of resource',
    body: 'resource "aws_log_group" "this" {}',
    refusal: /Invalid resource type/,
  },
  {
    name: 'an unknown argument',
    body: `${LOG_GROUP} {\n  retention = 30\n}`,
    refusal: /Unsupported argument[\s\S]*"retention" is not expected here/,
  },
  {
    name: 'a missing argument',
    body: 'resource "aws_ssm_document" "this" {\n  name          = "x"\n  document_type = "Session"\n}',
    refusal: /Missing required argument[\s\S]*"content" is required/,
  },
  {
    name: 'a value of the wrong type',
    body: `${LOG_GROUP} {\n  retention_in_days = "a month"\n}`,
    refusal: /Incorrect attribute value type|Inappropriate value for attribute "retention_in_days"/,
  },
  {
    name: 'an unknown block',
    body: `${LOG_GROUP} {\n  retention {\n    days = 30\n  }\n}`,
    refusal: /Unsupported block type[\s\S]*"retention" are not expected here/,
  },
  {
    name: 'a block that may be there once, twice',
    body: `resource "aws_lambda_function" "this" {
  function_name = "x"
  role          = "x"
  tracing_config {
    mode = "Active"
  }
  tracing_config {
    mode = "Active"
  }
}`,
    refusal: /Too many tracing_config blocks/,
  },
  {
    name: 'an attribute that only AWS decides',
    body: `${LOG_GROUP} {\n  arn = "arn:aws:logs:eu-west-2:123456789012:log-group:x"\n}`,
    refusal: /Value for unconfigurable attribute|Can't configure a value for "arn"/,
  },
  {
    name: 'a reference to an attribute that does not exist',
    body: `${LOG_GROUP} {}\noutput "it" {\n  value = aws_cloudwatch_log_group.this.identifier\n}`,
    refusal: /Unsupported attribute[\s\S]*"identifier"/,
  },
  {
    name: 'an unknown argument of a data source',
    body: 'data "aws_region" "this" {\n  zone = "a"\n}',
    refusal: /Unsupported argument[\s\S]*"zone" is not expected here/,
  },
  {
    name: 'an unknown argument of the provider',
    body: 'provider "aws" {\n  zone = "a"\n}\ndata "aws_region" "this" {}',
    refusal: /Unsupported argument[\s\S]*"zone" is not expected here/,
  },
];

const HEADER = `terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}
`;

export const terraformRefusals: readonly Check[] = [
  ...mistakes.map(({ name, body, refusal }) => ({
    area,
    name: `${name} is refused`,
    async run({ folder }: { readonly folder: string }): Promise<void> {
      const { code, stdout, stderr } = await validate(folder, name, body);
      // Terraform draws a frame around its messages and breaks their lines.
      const said = `${stdout}${stderr}`.replaceAll(/\s*\n[│╵╷ ]*/g, ' ');
      expectEqual(code, 1, `terraform said ${said.trim()}; its exit code`);
      expectMatch(said, refusal, 'the refusal');
    },
  })),
  {
    area,
    name: 'the same without a mistake is accepted',
    async run({ folder }) {
      const { code, stdout, stderr } = await validate(
        folder,
        'none',
        `${LOG_GROUP} {\n  retention_in_days = 30\n}`,
      );
      expectEqual(code, 0, `terraform said ${stdout}${stderr}; its exit code`);
    },
  },
];

async function validate(folder: string, name: string, body: string): ReturnType<typeof terraform> {
  const configuration = join(folder, 'terraform', name.replaceAll(' ', '-'));
  await mkdir(configuration, { recursive: true });
  await writeFile(join(configuration, 'main.tf'), `${HEADER}${body}\n`);
  return terraform(configuration, 'validate', '-no-color');
}
