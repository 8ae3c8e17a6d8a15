export const metadata = { title: 'New chat' };

export default function NewChatPage() {
  return null;
}
