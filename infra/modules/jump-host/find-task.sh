#!/bin/sh
# Prints the target of a jump host of variant ecs, ecs:<cluster>_<task>_<runtime id>, as soon as its agent takes sessions.
#
#   find-task.sh CLUSTER     CLUSTER: output ecs.cluster_name of the module; its service is called the same
#
# Needs the AWS CLI, with ecs:ListTasks and ecs:DescribeTasks (policy discover-tasks of ci-access). Waits up to a minute:
# a task that was replaced just now is there, but its agent is not yet. Exit code 1: there is none.
set -eu

cluster=${1:?usage: find-task.sh CLUSTER}
tries=${FIND_TASK_TRIES:-12}
pause=${FIND_TASK_PAUSE_SECONDS:-5}

container="containers[?name=='jump-host'] | [0]"
agent="$container.managedAgents[?name=='ExecuteCommandAgent'] | [0].lastStatus"
seen='no task'

while [ "$tries" -gt 0 ]; do
  tasks=$(aws ecs list-tasks --cluster "$cluster" --service-name "$cluster" --desired-status RUNNING \
    --query 'taskArns' --output text)
  if [ -n "$tasks" ] && [ "$tasks" != None ]; then
    # One line for each task. What is not there yet, is None.
    # shellcheck disable=SC2086 # several tasks are several words
    rows=$(aws ecs describe-tasks --cluster "$cluster" --tasks $tasks \
      --query "tasks[].[taskArn, $container.runtimeId, $agent]" --output text)
    target=$(printf '%s\n' "$rows" | while read -r task runtime status; do
      [ "$status" = RUNNING ] && [ "$runtime" != None ] || continue
      printf 'ecs:%s_%s_%s\n' "$cluster" "${task##*/}" "$runtime"
      break
    done)
    if [ -n "$target" ]; then
      printf '%s\n' "$target"
      exit 0
    fi
    seen="a task whose agent does not run"
  fi
  tries=$((tries - 1))
  [ "$tries" -eq 0 ] || sleep "$pause"
done

echo "find-task.sh: cluster $cluster has $seen. Look at the service's events and at the tasks' stoppedReason:" >&2
echo "  aws ecs describe-services --cluster $cluster --services $cluster --query 'services[0].events[:5]'" >&2
exit 1
