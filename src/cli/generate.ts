import { configure } from '../engine.js'
import { saving } from '../tasks/generator/saved.js'
import { TextGenerator } from '../tasks/index.js'
import { expectTask } from './expectTask.js'
import { interruptible } from './interrupt.js'
import { printJson, shown } from './output.js'

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
    await expectTask(model, saving.kind)
    const generator = await TextGenerator.load(model)
    const pieces = generator.generate(prompt, { ...settings, signal })
    if (json) {
      for await (const text of pieces) printJson({ event: 'text', text })
      printJson({ event: 'done' })
      return
    }
    // Nothing is printed before it is sure that the text can be gone on with.
    let text = prompt
    for await (const piece of pieces) {
      text += piece
      // Half of a line end waits for the other.
      const whole = text.endsWith('\r') ? text.length - 1 : text.length
      await write(text.slice(0, whole))
      text = text.slice(whole)
    }
    await write(`${text}\n`)
  })
}

/** Waits while whoever reads is slow, so that nothing piles up. */
async function write(text: string): Promise<void> {
  const written = process.stdout.write(shown(text.replaceAll('\r\n', '\n')))
  if (!written) await new Promise((resolve) => process.stdout.once('drain', resolve))
}
