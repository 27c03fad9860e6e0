# 日本語のページ。です・ます調で、短い文にする。
#
# 用語: sign in = サインイン · sign out = サインアウト · account = アカウント · app = アプリ · device = デバイス ·
# access = アクセス · allow / deny = 許可 / 拒否 · operator = 運営者 · remove = 取り消す

language-name = 日本語
languages = 言語

## Signing in

sign-in = サインイン
sign-in-confirm = ご本人の確認
continue-to = { $app } に進みます
username = ユーザー名
password = パスワード
wrong-credentials = ユーザー名またはパスワードが正しくありません。
wrong-credentials-advice = 両方を確認して、もう一度お試しください。
sign-in-busy = 現在サインインできません。
sign-in-busy-advice = 1 分ほど待ってから、もう一度お試しください。
too-many-attempts = 試行回数が多すぎます。
try-again-in-minutes = { $count } 分後にもう一度お試しください。
try-again-in-hours = { $count } 時間後にもう一度お試しください。
password-busy = 現在パスワードを確認できません。
form-stale = このページは古くなっていました。
sign-in-stale-advice = パスワードをもう一度入力してください。繰り返される場合は、このサイトの Cookie を許可してください。

## Errors

error-form-stale = このフォームは古くなっています
error-form-stale-advice = 何も変更されていません。前のページに戻って再読み込みし、もう一度お試しください。
error-no-interaction = このサインインは期限切れです
error-no-interaction-advice = 開始から時間が経ちすぎているか、別のブラウザーで開始されました。アプリに戻って、最初からやり直してください。
error-no-device = このデバイスはもう待機していません
error-no-device-advice = 要求から時間が経ちすぎているか、別のブラウザーでコードが入力されました。デバイスで最初からやり直してください。
error-not-found = ここには何もありません
error-not-found-advice = アドレスが間違っているか、ページが移動した可能性があります。
error-unavailable = ただいま応答できません
error-unavailable-advice = しばらくしてから、もう一度お試しください。
error-too-many = 試行回数が多すぎます
error-too-many-advice = 少し待ってから、もう一度お試しください。
error-internal = こちらで問題が発生しました
error-internal-advice = お客様の操作が原因ではありません。繰り返される場合は、下の参照番号を運営者にお知らせください。
error-request = アプリから受け付けられない要求が送られました
error-request-advice = サインインは行われず、情報も共有されていません。アプリに戻ってください。繰り返される場合は、アプリの運営者にお知らせください。
error-reference = お問い合わせの際は { $reference } をお伝えください

for-developers = アプリの開発者の方へ
hint-client-id-missing = 認可リクエストに client_id を付けて送信してください。
hint-client-unknown = この client_id を持つ利用可能なクライアントはありません。登録したものと照らし合わせてください。
hint-redirect-uri-missing = redirect_uri を送信してください。クライアントに登録済みのもののいずれかです。
hint-redirect-uri-unregistered = redirect_uri は、登録済みのものと一字一句同じでなければなりません。ループバックアドレス (http://127.0.0.1、http://[::1]、http://localhost) のポートだけは異なってもかまいません。
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri は、登録済みのものと一字一句同じでなければなりません。異なってよいのはループバックアドレスのポートだけです。
hint-parameter-repeated = 各パラメーターは一度だけ送信してください。
hint-parameter-malformed = パラメーターは、NUL を含まない UTF-8 をパーセントエンコードして送信してください。
hint-request = RFC 6749 の 4.1.1 節と要求を照らし合わせてください。
