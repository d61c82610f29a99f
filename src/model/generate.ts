import { types } from 'node:util'
import { describe, reading, SeqloomError } from '../errors.js'
import type { NativeGenerator } from '../native/index.js'
import { abortSignal, checkOptions, custom, integer, number, positive, seed } from '../options.js'
import { cancellable } from './cancel.js'
import { type HeadOptions, headChecks, outputNumber, tokenList } from './head.js'
import type { Topology } from './topology.js'

/** Options of {@link Model.generate}. */
export interface GenerateOptions extends HeadOptions {
  /** The most tokens to generate; default 256. */
  readonly maxTokens?: number
  /**
   * The number by which logits are divided: below 1, improbable tokens are rarer; 0 always takes the most probable
   * token. Default 1.
   */
  readonly temperature?: number
  /** Choose among this many of the most probable tokens; default all. */
  readonly topK?: number
  /**
   * Choose among the most probable tokens that together have this probability (Holtzman et al. 2020); default 1, all.
   */
  readonly topP?: number
  /**
   * Above 1, makes tokens that have occurred already, including in the prompt, rarer: positive logits are divided by
   * it, negative ones multiplied (Keskar et al. 2019). Default 1.
   */
  readonly repetitionPenalty?: number
  /** Tokens that are never chosen, such as padding and unknown words; default none. */
  readonly exclude?: readonly number[] | Int32Array
  /** Determines the choices: the same seed gives the same tokens. Default: a random seed. */
  readonly seed?: number
  /** Aborting it makes the next token reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** The checks of {@link GenerateOptions}. */
export const generateChecks = {
  maxTokens: integer(1),
  temperature: number(0),
  topK: integer(1),
  topP: custom('a number above 0 and at most 1', (v) => positive.accepts(v) && (v as number) <= 1),
  repetitionPenalty: positive,
  exclude: tokenList,
  seed,
  signal: abortSignal,
}

/**
 * Milliseconds of native work at a time: enough that the cost of a call does not matter, and too few for the reader to
 * notice.
 */
const stretch = 15

/** Checks options and puts them in the form that the native side reads. */
export function generation(options: GenerateOptions, topology: Topology) {
  checkOptions('generate', options, {
    accepted: { ...generateChecks, ...headChecks },
    refused: { doSample: [true], numBeams: [1], maxNewTokens: [] },
  })
  const { maxTokens = 256, signal: given, output, exclude = [], ...rest } = options
  const sampling = {
    seed: Math.floor(Math.random() * 2 ** 32),
    ...rest,
    exclude: Array.from(exclude),
    output: outputNumber('generate', topology, output),
  }
  return { maxTokens, sampling: JSON.stringify(sampling), signal: given }
}

/** A prompt as the native side reads it. */
export function checkPrompt(prompt: unknown): Int32Array {
  return reading('ERR_DATA', 'generate: the prompt', () => tokensOf(prompt))
}

function tokensOf(prompt: unknown): Int32Array {
  if (types.isInt32Array(prompt)) return prompt
  if (!Array.isArray(prompt)) {
    throw new SeqloomError(
      'ERR_DATA',
      `generate: the prompt must be an Int32Array or an array of tokens, not ${describe(prompt)}`,
    )
  }
  const wrong = prompt.findIndex((token) => typeof token !== 'number' || (token | 0) !== token)
  if (wrong >= 0) {
    throw new SeqloomError(
      'ERR_DATA',
      `generate: token ${wrong} of the prompt must be an integer, not ${describe(prompt[wrong])}`,
    )
  }
  return Int32Array.from(prompt)
}

/** The tokens, in portions as they become ready. */
export async function* portionsOf(
  generator: NativeGenerator,
  given: AbortSignal | undefined,
): AsyncGenerator<Int32Array, void, void> {
  try {
    for (let done = false; !done; ) {
      const portion = await cancellable(given, (cancel) => generator.next(stretch, cancel))
      done = portion.done
      if (portion.tokens.length > 0) yield portion.tokens
    }
  } finally {
    generator.free()
  }
}

/** The tokens one by one. */
export async function* singly(portions: AsyncIterable<Int32Array>): AsyncGenerator<number, void, void> {
  for await (const portion of portions) yield* portion
}
