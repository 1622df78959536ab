import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Check, expectEqual } from '../check.ts';
import { runCommand } from '../command.ts';

const area = 'ECS';
const script = join(import.meta.dirname, '../../../../infra/modules/jump-host/find-task.sh');
const cluster = 'postern-jump-host-app-staging';
const arn = (id: string): string => `arn:aws:ecs:eu-west-2:123456789012:task/${cluster}/${id}`;

/**
 * The offline cloud has no ECS. That the CLI takes what the script of the jump host's module says, and that its queries
 * find what is in answers of the form that ECS documents, is seen here; everything else about it in tools/infra.
 */
export const ecsChecks: readonly Check[] = [
  {
    area,
    name: 'find-task.sh waits for the task whose agent runs',
    async run({ aws, admin }) {
      const asked: string[] = [];
      const service = createServer(async (request, response) => {
        const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
        asked.push(`${operation} ${JSON.stringify(await body(request))}`);
        response.setHeader('content-type', 'application/x-amz-json-1.1');
        response.end(
          JSON.stringify(operation === 'ListTasks' ? listed(asked.length) : described(asked.length)),
        );
      }).listen(0, '127.0.0.1');
      await once(service, 'listening');
      try {
        const { port } = service.address() as AddressInfo;
        const { code, stdout, stderr } = await runCommand(script, [cluster], {
          ...aws.environment(admin),
          AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
          FIND_TASK_PAUSE_SECONDS: '0',
        });
        expectEqual({ code, stderr }, { code: 0, stderr: '' }, 'the end');
        expectEqual(stdout, `ecs:${cluster}_b_b-2\n`, 'the target');
        const list = { cluster, serviceName: cluster, desiredStatus: 'RUNNING' };
        const describe = { cluster, tasks: [arn('a'), arn('b')] };
        const round = [`ListTasks ${JSON.stringify(list)}`, `DescribeTasks ${JSON.stringify(describe)}`];
        expectEqual(asked, [round[0], ...round, ...round], 'what ECS was asked');
      } finally {
        service.close();
      }
    },
  },
];

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** At first there is no task. */
function listed(call: number): unknown {
  return { taskArns: call === 1 ? [] : [arn('a'), arn('b')] };
}

/** Of two tasks the first has no agent yet, and that of the second comes up meanwhile. */
function described(call: number): unknown {
  const other = { name: 'sidecar', runtimeId: 'x-0' };
  const agent = { name: 'ExecuteCommandAgent', lastStatus: call < 5 ? 'PENDING' : 'RUNNING' };
  return {
    tasks: [
      { taskArn: arn('a'), containers: [other, { name: 'jump-host' }] },
      {
        taskArn: arn('b'),
        containers: [other, { name: 'jump-host', runtimeId: 'b-2', managedAgents: [agent] }],
      },
    ],
    failures: [],
  };
}
