import type { Option } from 'commander'
import type { OptionTable } from '../tasks/shared/option.js'
import type { TaskKind } from '../tasks/shared/saved.js'
import type { Task } from '../tasks/shared/task.js'
import type { TaskView } from './progress.js'
import type { FileOptions } from './rows.js'

/** The flags that were given, by their names in camel case. */
export type Flags = Readonly<Record<string, unknown>>

/** What the command line does with a task. */
export interface TaskCommand<T extends Task, Column extends string = never> {
  readonly kind: TaskKind
  /** Loads a saved task. */
  readonly load: (folder: string) => Promise<T>
  /** The columns of its tables, for training and measuring, and what is in them. */
  readonly columns?: Readonly<Record<Column, string>>
  /** Reads data to train or to measure on: all of them, or rows that are read as they are needed. */
  read(
    file: FileOptions & Flags & Readonly<Record<Column, string>>,
    task: T,
  ): Promise<Parameters<T['evaluate']>[0]> | Parameters<T['evaluate']>[0]
  /** Prints what `evaluate` found. */
  show(result: Awaited<ReturnType<T['evaluate']>>, json: boolean, task: T): void
  /** The command that trains one, if there is one. */
  readonly train?: TrainCommand<T>
  /** The command that uses a saved one, if there is one; several tasks may share its name. */
  readonly use?: UseCommand<T>
}

/** How a task is trained. */
export interface TrainCommand<T extends Task> {
  readonly name: string
  /** Whether it is `seqloom <name>`, rather than `seqloom train <name>`. */
  readonly alone?: true
  readonly description: string
  /** What `--data` is. */
  readonly data: string
  /** The options of its constructor and of `train`. */
  readonly options: readonly [OptionTable, OptionTable]
  /** Further flags. */
  readonly flags?: readonly Option[]
  /** What progress shows. */
  readonly view: TaskView<never, never>
  create(options: object, flags: Flags): T
  /** The given flag with which no backups are made, if there is one. */
  unsaved?(flags: Flags): string | undefined
}

/** How a saved task is used. */
export interface UseCommand<T extends Task> {
  readonly name: string
  readonly description: string
  /** Its arguments, and what they are. */
  readonly argument: readonly [string, string]
  readonly options?: OptionTable
  readonly flags: readonly Option[]
  /** Throws `ERR_OPTION` for arguments and flags that cannot be combined, before anything is loaded. */
  check?(given: readonly string[], flags: Flags): void | Promise<void>
  run(task: T, given: readonly string[], flags: Flags, signal: AbortSignal): Promise<void>
}

/** A command of any task. */
export type AnyTaskCommand = TaskCommand<Task>

/** What the command line does with a task, checked against its types. */
export function taskCommand<T extends Task, Column extends string = never>(
  command: TaskCommand<T, Column>,
): AnyTaskCommand {
  return command as unknown as AnyTaskCommand
}
