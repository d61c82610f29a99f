import { contentsOf, mistaken } from '../model/contents.js'
import { readDescription } from '../model/folder.js'
import * as commands from './commands.js'
import type { AnyTaskCommand } from './taskCommand.js'

/** What the command line does with each task. */
export const taskCommands: readonly AnyTaskCommand[] = Object.values(commands)

/** The commands that use a saved model under this name. */
export const usedBy = (name: string): AnyTaskCommand[] => taskCommands.filter(({ use }) => use?.name === name)

/**
 * What a folder holds, and the command for it, if it is a task. Rejects with `ERR_IO` or `ERR_FORMAT` if it holds
 * nothing of Seqloom's.
 */
export async function commandOf(folder: string) {
  const contents = contentsOf(await readDescription(folder))
  return { contents, command: taskCommands.find(({ kind }) => kind === contents.kind) }
}

/** The task in a folder that `seqloom <name>` uses; `ERR_FORMAT` for a task of another command, naming that command. */
export async function taskFor(name: string, folder: string): Promise<AnyTaskCommand> {
  const { contents, command } = await commandOf(folder)
  if (command?.use?.name === name) return command
  const takes = command?.use && `'seqloom ${command.use.name}' takes`
  const wanted = usedBy(name).map(({ kind }) => kind)
  throw mistaken(folder, wanted, contents, takes)
}
