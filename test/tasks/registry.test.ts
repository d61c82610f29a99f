import { describe, expect, it } from 'vitest'
import { taskCommands } from '../../src/cli/tasks.js'
import * as registry from '../../src/tasks/registry.js'
import { Task } from '../../src/tasks/shared/task.js'

const classes = Object.entries(registry)

describe('every task', () => {
  it('is one of those that there are', () => {
    expect(classes.map(([name]) => name).sort()).toEqual([
      'Captioner',
      'Forecaster',
      'LanguageEncoder',
      'QuestionAnswerer',
      'SequenceTagger',
      'TextClassifier',
      'TextGenerator',
      'Transcriber',
      'Translator',
    ])
  })

  it.each(classes)('%s is a Task, which is refused what needs a model', async (name, Class) => {
    const task: Task = new Class()
    expect(task).toBeInstanceOf(Task)
    expect(task.ready).toBe(false)
    expect(() => task.model).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    await expect(task.save('/nowhere')).rejects.toMatchObject({ code: 'ERR_STATE' })
    await expect(Class.load('/nowhere')).rejects.toMatchObject({ code: 'ERR_IO' })
    await task.dispose()
    await expect(task.train([] as never)).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(new RegExp(`^${name}.*disposed`)),
    })
  })

  it('has a command, and a kind of its own', () => {
    expect(taskCommands.map(({ kind }) => kind.task).sort()).toEqual(classes.map(([name]) => name).sort())
    expect(new Set(taskCommands.map(({ kind }) => kind.name)).size).toBe(classes.length)
  })
})
