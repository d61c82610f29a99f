import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { bareCommand, type Ended, start } from './run.js'

/** The platform's package for this machine, as it was packed. */
export function platformPackage() {
  const found = inject('packed').find(({ name }) => name !== 'seqloom')
  if (found === undefined) throw new Error('no platform package was packed')
  return found
}

/** A copy of the folder with the installed packages, for a test that changes it; removed when the test ends. */
export function copyOfInstallation(): string {
  const installed = inject('installed')
  const folder = mkdtempSync(join(dirname(installed), 'copy-'))
  cpSync(installed, folder, { recursive: true, verbatimSymlinks: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs node, or another tool of the bare path, in a folder with installed packages. */
export function bare(command: readonly string[], folder: string = inject('installed')): Promise<Ended> {
  return start(bareCommand(inject('tools'), command), folder)
}

/** As `bare`, and reads the JSON that the command prints as its last line. */
export async function bareJson<Result>(command: readonly string[], folder?: string): Promise<Result> {
  const { code, signal, stdout, stderr } = await bare(command, folder)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? signal}: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Result
}
