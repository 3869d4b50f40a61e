/** A model file as its users need it: the task it was trained for, and its parameters. */
import { readFileSync } from 'node:fs';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { SafetensorsError } from '../core/bytes/safetensors-error.ts';
import { taskManifest } from '../core/learning/model.ts';
import { sameManifest } from '../core/learning/parameters.ts';
import { UserError } from '../core/protocol/problem.ts';
import { parseTask, type Task, TaskError } from '../core/protocol/task.ts';

export interface Model {
  readonly task: Task;
  readonly parameters: Float32Array;
}

/** The task and parameters of a model file. Throws UserError when it is not a model of ours. */
export function readModel(path: string): Model {
  let file: ReturnType<typeof decodeSafetensors>;
  try {
    file = decodeSafetensors(readFileSync(path));
  } catch (cause) {
    if (cause instanceof SafetensorsError)
      throw new UserError(path, cause.message, 'Name a model that parley run has saved.', { cause });
    throw new UserError(
      path,
      `cannot be read (${(cause as NodeJS.ErrnoException).code ?? cause})`,
      'Check the path after --model.',
      { cause },
    );
  }
  try {
    const task = parseTask(JSON.parse(file.metadata.definition ?? ''));
    const manifest = taskManifest(task);
    if (sameManifest(manifest, file.manifest)) return { task, parameters: file.parameters };
  } catch (cause) {
    if (!(cause instanceof TaskError) && !(cause instanceof SyntaxError)) throw cause;
  }
  throw new UserError(path, 'does not hold the task it was trained for', 'Name a model that parley run has saved.');
}
