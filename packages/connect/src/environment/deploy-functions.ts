import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ConnectError } from '../errors.ts';
import { type AwsAccess, clientOptions } from './aws-access.ts';
import type { Artifact, CallOptions } from './environment.ts';

export interface FunctionDefinition {
  readonly name: string;
  /** ARN of the execution role: what the function itself may do. */
  readonly role: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface DeployOptions extends CallOptions {
  access: AwsAccess;
  functions: readonly FunctionDefinition[];
  artifact: Artifact;
  handler: string;
}

/**
 * Creates the functions, or gives them new code, and waits until they can be invoked. What a pipeline does on AWS, with
 * the same calls. Throws `CONNECT_DEPLOY_FAILED`.
 */
export async function deployFunctions(options: DeployOptions): Promise<void> {
  const { access, functions, artifact, signal } = options;
  const { LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient(clientOptions(access));
  try {
    await Promise.all(
      functions.map(async (definition) => {
        try {
          await deploy(client, definition, artifact, options.handler);
        } catch (cause) {
          signal?.throwIfAborted();
          throw deployFailed(definition.name, cause);
        }
      }),
    );
  } finally {
    client.destroy();
  }
}

async function deploy(
  client: LambdaClient,
  definition: FunctionDefinition,
  artifact: Artifact,
  handler: string,
): Promise<void> {
  const lambda = await import('@aws-sdk/client-lambda');
  const waiting = { client, maxWaitTime: 30, minDelay: 0.05, maxDelay: 1 };
  const FunctionName = definition.name;
  try {
    await client.send(
      new lambda.CreateFunctionCommand({
        FunctionName,
        Role: definition.role,
        Runtime: 'nodejs22.x',
        Handler: handler,
        Code: { ZipFile: artifact.zip },
        Environment: { Variables: definition.variables },
        Timeout: 300,
        MemorySize: 512,
      }),
    );
    await lambda.waitUntilFunctionActiveV2(waiting, { FunctionName });
  } catch (error) {
    if ((error as Error).name !== 'ResourceConflictException') throw error;
    await client.send(new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile: artifact.zip }));
    await lambda.waitUntilFunctionUpdatedV2(waiting, { FunctionName });
  }
}

function deployFailed(name: string, cause: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_DEPLOY_FAILED',
    kind: 'internal',
    message: `Function ${name} could not be deployed: ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`,
    hint: 'The offline cloud refused what a pipeline would do; the cause has its answer.',
    cause,
  });
}
