import { configure } from '../engine.js'
import { TextGenerator } from '../tasks/index.js'
import { interruptible } from './interrupt.js'
import { printJson } from './output.js'

/** The options of `seqloom generate`. */
export interface GenerateOptions {
  readonly model: string
  readonly maxTokens: number
  readonly temperature: number
  readonly topK?: number
  readonly topP?: number
  readonly repetitionPenalty?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly json: boolean
  readonly threads?: number
}

/** Goes on with a text and prints it, piece by piece as it is written. */
export async function generate(prompt: string, options: GenerateOptions): Promise<void> {
  const { model, json, threads, ...settings } = options
  if (threads !== undefined) configure({ threads })
  await interruptible(async (signal) => {
    const generator = await TextGenerator.load(model)
    const pieces = generator.generate(prompt, { ...settings, signal })
    if (json) {
      for await (const text of pieces) printJson({ event: 'text', text })
      printJson({ event: 'done' })
      return
    }
    await write(prompt)
    for await (const piece of pieces) await write(piece)
    await write('\n')
  })
}

/** Waits while whoever reads is slow, so that nothing piles up. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve))
}
