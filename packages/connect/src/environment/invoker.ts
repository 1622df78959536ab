import type { Action, RequestOf, ResultOf } from '@postern/bootstrap/contract';
import type { AwsCredentialProvider } from '@postern/rds-auth';
import type { AwsAccess } from './aws-access.ts';
import type { CallOptions } from './environment.ts';

export interface Invoker {
  invoke<A extends Action>(request: RequestOf<A>, options?: CallOptions): Promise<ResultOf[A]>;
  close(): Promise<void>;
}

/** A function of the artefact, called as its contract says. The SDK is loaded with the first call. */
export async function createInvoker(options: {
  access: AwsAccess;
  functionName: string;
  /** Default: those of `access`. */
  credentials?: AwsCredentialProvider;
}): Promise<Invoker> {
  const { access, functionName, credentials = access.credentials } = options;
  const { createBootstrapClient } = await import('@postern/bootstrap/client');
  const client = createBootstrapClient({
    functionName,
    region: access.region,
    credentials,
    ...(access.endpoint === undefined ? {} : { endpoint: access.endpoint }),
  });
  return {
    invoke: async (request, { signal } = {}) =>
      await client.invoke(request, signal === undefined ? {} : { signal }),
    close: () => client.close(),
  };
}
