'use client';
import type { PromptInput } from 'opencode-session';
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { inLine } from '@/lib/exact';
import { Icon } from './icon';

const PICTURE = /^image\/(?:png|jpeg|gif|webp|avif)$/;
/** What a message takes: the client refuses more. */
const MOST = 16 * 2 ** 20;

interface ComposerProps {
  readonly isBusy: boolean;
  /** There is no such chat for this user. */
  readonly isClosed: boolean;
  readonly send: (prompt: PromptInput) => unknown;
  readonly stop: () => void;
}

/** Where messages are written; files are chosen, pasted or dropped. */
export function Composer({ isBusy, isClosed, send, stop }: ComposerProps) {
  const [text, setText] = useState('');
  const [files, setFiles] = useState<readonly File[]>([]);
  const [isDropping, setDropping] = useState(false);
  const chooser = useRef<HTMLInputElement>(null);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const isEmpty = text.trim() === '' && files.length === 0;
  const attach = (more: FileList) => setFiles((last) => [...last, ...more]);
  const submit = () => {
    if (isEmpty || isClosed || size > MOST) return;
    send({ text, parts: files.map((file) => ({ type: 'file', file })) });
    setText('');
    setFiles([]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While characters are being composed, Enter takes one of them.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    attach(event.clipboardData.files);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    attach(event.dataTransfer.files);
  };
  return (
    <form
      className={isDropping ? 'composer dropping' : 'composer'}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={onDrop}
    >
      {files.length > 0 && (
        <ul className="files" aria-label="Attached files">
          {files.map((file, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the same file may be there twice.
            <li key={at}>
              {PICTURE.test(file.type) && <Preview file={file} />}
              <span>{inLine(file.name)}</span>
              <button type="button" className="icon" aria-label={`Remove ${inLine(file.name)}`} onClick={() => setFiles(files.filter((_, place) => place !== at))}><Icon name="close" /></button>
            </li>
          ))}
        </ul>
      )}
      {size > MOST && <p role="alert" className="wrong">All files together may have 16 MiB.</p>}
      <textarea id="message" aria-label="Message" placeholder="Write a message" rows={1} value={text} disabled={isClosed}
        onChange={({ target }) => setText(target.value)} onKeyDown={onKeyDown} onPaste={onPaste} />
      <div className="tools">
        <input ref={chooser} type="file" multiple hidden aria-label="Files" onChange={({ target }) => {
          if (target.files) attach(target.files);
          target.value = '';
        }} />
        <button type="button" className="icon" aria-label="Attach files" disabled={isClosed} onClick={() => chooser.current?.click()}><Icon name="attach" /></button>
        {isBusy && <button type="button" className="stop" onClick={stop}><Icon name="stop" /> Stop</button>}
        <button type="submit" className="send" aria-label="Send" disabled={isEmpty || isClosed || size > MOST}><Icon name="send" /></button>
      </div>
    </form>
  );
}

function Preview({ file }: { file: File }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  // biome-ignore lint/performance/noImgElement: it is on this machine.
  return url && <img src={url} alt="" />;
}
