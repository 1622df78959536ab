import { createHash } from 'node:crypto';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';

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
  try {
    const uploaded: Uploaded[] = [];
    for (const FunctionName of functions) {
      const { CodeSha256 } = await client.send(new GetFunctionConfigurationCommand({ FunctionName }));
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
