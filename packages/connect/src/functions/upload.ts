import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { BootstrapError } from '@postern/bootstrap';
import { unzipSync } from 'fflate';
import { awsFailure } from '../environment/aws-failure.ts';
import type { Target } from './target.ts';

interface Uploaded {
  readonly function: string;
  /** False when the function had this code already. */
  readonly changed: boolean;
}

/**
 * Gives each function this code, where it has another one, and waits until it can be invoked. It needs
 * `lambda:GetFunctionConfiguration`, `lambda:GetFunction` (the waiter) and `lambda:UpdateFunctionCode`. Roles, variables and network
 * stay Terraform's. Tells of each when it is done: a later one may fail.
 */
export async function* uploadArtefact(file: string, { functions, access }: Target): AsyncGenerator<Uploaded> {
  const zip = await readFile(file).catch((cause: unknown) => {
    throw notBuilt(`there is no artefact to be read in ${file}`, cause);
  });
  const names = namesIn(zip);
  if (!names.includes('manifest.json')) throw notBuilt(`${file} is no artefact`);
  const hasRoots = names.includes('ca.pem');
  const wanted = createHash('sha256').update(zip).digest('base64');
  // Bounded, because the SDK by itself waits for ever; the code is up to 50 MB.
  const requestHandler = { connectionTimeout: 10_000, requestTimeout: 300_000, throwOnRequestTimeout: true };
  const client = new LambdaClient({ ...access, requestHandler });
  try {
    for (const FunctionName of functions) {
      const { CodeSha256, Environment } = await client
        .send(new GetFunctionConfigurationCommand({ FunctionName }))
        .catch(failed(FunctionName, 'lambda:GetFunctionConfiguration'));
      const trusts = Object.keys(Environment?.Variables ?? {}).some((name) =>
        name.startsWith('POSTERN_DB_CA'),
      );
      if (!hasRoots && !trusts) throw withoutRoots(FunctionName);
      const changed = CodeSha256 !== wanted;
      if (changed) {
        await client
          .send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }))
          .catch(failed(FunctionName, 'lambda:UpdateFunctionCode'));
        await waitUntilFunctionUpdatedV2(
          { client, maxWaitTime: 300, minDelay: 1, maxDelay: 5 },
          { FunctionName },
        ).catch(failed(FunctionName, 'lambda:GetFunction'));
      }
      yield { function: FunctionName, changed };
    }
  } finally {
    client.destroy();
  }
}

/** What a zip holds, without unpacking any of it; nothing when it is no zip. */
function namesIn(zip: Uint8Array): string[] {
  const names: string[] = [];
  const note = ({ name }: { name: string }): boolean => {
    names.push(name);
    return false;
  };
  try {
    unzipSync(zip, { filter: note });
  } catch {
    return [];
  }
  return names;
}

function failed(functionName: string, action: string): (error: unknown) => never {
  return (cause) => {
    const { name, message } = cause as Error;
    if (message === 'Region is missing')
      throw new BootstrapError(
        'BOOTSTRAP_REGION_MISSING',
        `nobody says in which region "${functionName}" is`,
        {
          hint: 'Set AWS_REGION, or region in the profile of AWS_PROFILE, or name an environment with --env.',
          cause,
        },
      );
    if (name === 'ResourceNotFoundException')
      throw new BootstrapError('BOOTSTRAP_FUNCTION_NOT_FOUND', `there is no function "${functionName}"`, {
        hint: 'Check name, region and account. Functions are made by Terraform; this command brings code.',
        cause,
      });
    throw awsFailure(cause, action);
  };
}

function notBuilt(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), {
    kind: 'invalid',
    hint: 'Build it first (build --region REGION), or say where it is: --artefact FILE.',
  });
}

/** It would take the code, and then trust no server. */
function withoutRoots(name: string): Error {
  const message = `the artefact has no CA roots, and ${name} has none in its variables: it could not connect. It keeps the code that it has`;
  return Object.assign(new Error(message), {
    hint: 'Build it with --region or --env, or set ca_pem of the module bootstrap-lambda.',
  });
}
