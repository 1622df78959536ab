import { createHash } from 'node:crypto';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { unzipSync } from 'fflate';

export interface Uploaded {
  readonly function: string;
  /** False when the function had this code already. */
  readonly changed: boolean;
}

/**
 * Gives each function this code, where it has another one, and waits until it can be invoked. It needs
 * `lambda:GetFunctionConfiguration`, `lambda:GetFunction` (the waiter) and `lambda:UpdateFunctionCode`. Roles, variables and network
 * stay Terraform's.
 */
export async function uploadArtefact(zip: Uint8Array, functions: readonly string[]): Promise<Uploaded[]> {
  const client = new LambdaClient({});
  const wanted = createHash('sha256').update(zip).digest('base64');
  const hasRoots = 'ca.pem' in unzipSync(zip, { filter: ({ name }) => name === 'ca.pem' });
  try {
    const uploaded: Uploaded[] = [];
    for (const FunctionName of functions) {
      const { CodeSha256, Environment } = await client.send(
        new GetFunctionConfigurationCommand({ FunctionName }),
      );
      const trusts = Object.keys(Environment?.Variables ?? {}).some((name) =>
        name.startsWith('POSTERN_DB_CA'),
      );
      if (!hasRoots && !trusts) throw withoutRoots(FunctionName);
      const changed = CodeSha256 !== wanted;
      if (changed) {
        await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }));
        await waitUntilFunctionUpdatedV2(
          { client, maxWaitTime: 300, minDelay: 1, maxDelay: 5 },
          { FunctionName },
        );
      }
      uploaded.push({ function: FunctionName, changed });
    }
    return uploaded;
  } finally {
    client.destroy();
  }
}

/** It would take the code, and then trust no server. */
function withoutRoots(name: string): Error {
  const message = `the artefact has no CA roots, and ${name} has none in its variables: it could not connect. It keeps the code that it has`;
  return Object.assign(new Error(message), {
    hint: 'Build it with --region, or set ca_pem of the module bootstrap-lambda.',
  });
}
