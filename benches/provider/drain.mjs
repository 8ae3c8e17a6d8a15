/** Reads the stream of a language model of the AI SDK. @param {any} model @param {(text: string) => void} seen */
export async function drain(model, seen) {
  const { stream } = await model.doStream({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] });
  const reader = stream.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (step.value.type === 'text-delta') seen(step.value.delta);
    else if (step.value.type === 'error') throw step.value.error;
  }
}
