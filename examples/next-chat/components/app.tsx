'use client';
import { usePathname } from 'next/navigation';
import { SessionProvider, useClient } from 'opencode-session/react';
import { useCallback, useState } from 'react';
import { Chat } from './chat';
import { ChatList } from './chat-list';
import { Icon } from './icon';
import { RowsProvider } from './rows';

/** A chat's address is `/chat/<id>`; any other is a new chat. */
const ADDRESS = /^\/chat\/([A-Za-z0-9_-]{1,256})$/;

interface AppProps {
  readonly user: string;
  /** Takes the cookie, and goes to the page that signs in. */
  readonly leave: () => Promise<void>;
}

/** A place for one chat: another chat is another component, with a draft and a scroll position of its own. */
interface Slot {
  readonly number: number;
  readonly id: string | undefined;
  /** The id that a new chat is about to get. */
  readonly made: string | undefined;
}

export function App(props: AppProps) {
  // `identity`: a cookie signs in, which the client cannot see.
  return (
    <SessionProvider options={{ baseUrl: '/api/opencode', identity: props.user }}>
      <RowsProvider>
        <Frame {...props} />
      </RowsProvider>
    </SessionProvider>
  );
}

function Frame({ user, leave }: AppProps) {
  const id = ADDRESS.exec(usePathname())?.[1];
  const [slot, setSlot] = useState<Slot>({ number: 0, id, made: undefined });
  const [isListOpen, setListOpen] = useState(false);
  const client = useClient();
  const close = useCallback(() => setListOpen(false), []);
  // The first message gives a new chat its address; what is on the screen stays.
  const onCreate = useCallback((made: string) => {
    setSlot((last) => ({ ...last, made }));
    window.history.replaceState(null, '', `/chat/${made}`);
  }, []);
  if (id !== slot.id) setSlot({ number: id !== undefined && id === slot.made ? slot.number : slot.number + 1, id, made: undefined });
  const signOut = async () => {
    // Takes what this browser kept of the chats.
    await client?.signOut().catch(() => undefined);
    await leave();
  };
  const menu = (
    <button type="button" className="icon menu" aria-label="Chats" aria-expanded={isListOpen} aria-controls="chats" onClick={() => setListOpen(!isListOpen)}><Icon name="menu" /></button>
  );
  return (
    <div className="frame">
      <a className="skip" href="#log">Skip to the messages</a>
      <nav className={isListOpen ? 'side open' : 'side'} aria-label="Chats" id="chats" onKeyDown={({ key }) => key === 'Escape' && close()}>
        <ChatList current={id} onChosen={close} />
        <form action={signOut} className="person">
          <span>{user}</span>
          <button type="submit">Sign out</button>
        </form>
      </nav>
      {isListOpen && <button type="button" className="shade" aria-label="Close the list of chats" onClick={close} />}
      <Chat key={slot.number} id={id} menu={menu} onCreate={onCreate} />
    </div>
  );
}
