# Las páginas en español. Trato de usted, frases cortas.
#
# Términos: sign in = iniciar sesión · sign out = cerrar sesión · account = cuenta · app = aplicación · device = dispositivo ·
# access = acceso · allow / deny = permitir / rechazar · operator = operador (de este servicio) · remove = retirar

language-name = Español
languages = Idioma

## Signing in

sign-in = Iniciar sesión
sign-in-confirm = Confirme que es usted
continue-to = para continuar a { $app }
username = Nombre de usuario
password = Contraseña
wrong-credentials = El nombre de usuario o la contraseña no son correctos.
wrong-credentials-advice = Compruebe ambos e inténtelo de nuevo.
sign-in-busy = No podemos iniciar su sesión en este momento.
sign-in-busy-advice = Espere un minuto e inténtelo de nuevo.
too-many-attempts = Demasiados intentos.
try-again-in-minutes =
    { $count ->
        [one] Inténtelo de nuevo en un minuto.
       *[other] Inténtelo de nuevo en { $count } minutos.
    }
try-again-in-hours =
    { $count ->
        [one] Inténtelo de nuevo en una hora.
       *[other] Inténtelo de nuevo en { $count } horas.
    }
password-busy = No podemos comprobar contraseñas en este momento.
form-stale = Esta página estaba desactualizada.
sign-in-stale-advice = Introduzca de nuevo su contraseña. Si vuelve a ocurrir, permita las cookies de este sitio.

## Errors

error-form-stale = Este formulario está desactualizado
error-form-stale-advice = No se ha cambiado nada. Vuelva atrás, cargue la página de nuevo e inténtelo otra vez.
error-no-interaction = Este inicio de sesión ha caducado
error-no-interaction-advice = Se empezó hace demasiado tiempo o en otro navegador. Vuelva a la aplicación y empiece de nuevo.
error-no-device = Este dispositivo ya no está esperando
error-no-device-advice = Lo pidió hace demasiado tiempo, o su código se introdujo en otro navegador. Empiece de nuevo en el dispositivo.
error-not-found = Aquí no hay nada
error-not-found-advice = Puede que la dirección esté mal escrita o que la página se haya movido.
error-unavailable = No podemos responder en este momento
error-unavailable-advice = Inténtelo de nuevo en un momento.
error-too-many = Demasiados intentos
error-too-many-advice = Espere un poco e inténtelo de nuevo.
error-internal = Algo ha fallado aquí
error-internal-advice = No es culpa suya. Si vuelve a ocurrir, comunique al operador la referencia que aparece abajo.
error-request = La aplicación ha enviado una solicitud que no podemos aceptar
error-request-advice = No se ha iniciado sesión ni se ha compartido nada. Vuelva a la aplicación; si vuelve a ocurrir, avise a sus responsables.
error-logout-advice = Pidió cerrar su sesión y llevarle a una dirección que no ha registrado, así que no se ha hecho nada. Aún puede cerrar la sesión en la página de este servidor.
error-reference = Si pide ayuda, mencione { $reference }

for-developers = Para quienes desarrollan la aplicación
hint-client-id-missing = Envíe client_id con la solicitud de autorización.
hint-client-unknown = Ningún cliente utilizable tiene este client_id. Compárelo con el que se registró.
hint-redirect-uri-missing = Envíe redirect_uri: una de las registradas para el cliente.
hint-redirect-uri-unregistered = redirect_uri debe ser igual a una registrada, carácter por carácter. Solo puede diferir el puerto de una dirección de bucle local (http://127.0.0.1, http://[::1], http://localhost).
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri debe ser igual a una registrada, carácter por carácter. Solo puede diferir el puerto de una dirección de bucle local.
hint-parameter-repeated = Envíe cada parámetro una sola vez.
hint-parameter-malformed = Envíe los parámetros en UTF-8 con codificación porcentual y sin NUL.
hint-request = Compare la solicitud con la RFC 6749, sección 4.1.1.

## What apps say about themselves

app-unchecked = Esta aplicación se ha registrado por sí misma. El operador de este servicio no la ha comprobado: continúe solo si conoce la dirección de arriba.
app-website = Acerca de la aplicación
app-policy = Privacidad
app-terms = Condiciones de uso
your-apps = Sus aplicaciones
open-app = Abrir
## The front page, and signing out

welcome = Le damos la bienvenida
welcome-lead = Una sola cuenta para las aplicaciones que usan { $product }. Inicie sesión aquí, o abra una aplicación que le traiga hasta aquí.
signed-in = Ha iniciado sesión
signed-in-lead = Las aplicaciones que usan { $product } pueden reconocerle sin volver a pedirle la contraseña.
your-account = Su cuenta
manage-account = Gestionar su cuenta
sign-out = Cerrar sesión
sign-out-question = ¿Cerrar sesión?
sign-out-lead = Necesitará su contraseña la próxima vez que una aplicación le traiga aquí.
sign-out-for = { $app } pide cerrar su sesión
sign-out-return = Después volverá a { $host }.
sign-out-unasked = ¿No lo ha pedido usted? Cierre esta página y su sesión seguirá abierta.
signed-out-title = Sesión cerrada
signed-out = Ha cerrado la sesión
signed-out-lead = Una aplicación que haya usado puede mantener su propia sesión. En un ordenador compartido, cierre la sesión también en ella y después cierre el navegador.
signed-out-told = Se está avisando a las aplicaciones que ha usado. En un ordenador compartido, cierre después el navegador.
back-to = Volver a { $app }

## What an app asks

choose-account = Elija una cuenta
other-account = Usar otra cuenta
not-you = ¿No es usted?
consent = ¿Permitir el acceso?
consent-to = { $app } quiere usar su cuenta
consent-nothing = Esta aplicación solo pide saber que usted ha iniciado sesión.
consent-may = Esta aplicación podrá
allow = Permitir
deny = Rechazar
consent-return = En ambos casos volverá a { $host }.
consent-return-here = En ambos casos volverá a la aplicación de este dispositivo.
consent-remembered = Si lo permite, no se le volverá a preguntar por el mismo acceso.
consent-each-time = Se le preguntará cada vez.
technical-names = Nombres técnicos
back-to-app = Volver a la aplicación
continue = Continuar
already-answered = Esta solicitud ya se respondió
already-answered-lead = Puede cerrar esta página y volver a la aplicación.

# Estos textos completan «Esta aplicación podrá» y aparecen solos en una lista.
scope-profile = Ver su nombre y el resto de su perfil público
scope-email = Ver su dirección de correo electrónico
scope-address = Ver su dirección postal
scope-phone = Ver su número de teléfono
scope-offline-access = Seguir conectada en su ausencia, hasta que usted le retire el acceso
see-name = Ver su nombre completo
see-given-name = Ver su nombre de pila
see-middle-name = Ver su segundo nombre
see-family-name = Ver sus apellidos
see-nickname = Ver su apodo
see-preferred-username = Ver el nombre que usted usa en las aplicaciones
see-gender = Ver su género
see-birthdate = Ver su fecha de nacimiento
see-picture = Ver su imagen
see-profile = Ver la dirección de su página de perfil
see-website = Ver la dirección de su sitio web
see-locale = Ver su idioma
see-zoneinfo = Ver su zona horaria
see-updated-at = Ver cuándo se modificó su perfil por última vez
see-email-verified = Ver si su dirección de correo electrónico está verificada
see-phone-number-verified = Ver si su número de teléfono está verificado
scope-undescribed = Usar «{ $scope }»

## Devices without a keyboard

connect-device = Conectar un dispositivo
connect-device-lead = Introduzca el código que muestra su dispositivo
user-code = Código
user-code-warning = ¿Alguien le ha enviado o dictado este código? Entonces no lo introduzca: esa persona entraría en su cuenta.
user-code-wrong = Ningún dispositivo está esperando con este código.
user-code-wrong-advice = Compárelo con su dispositivo. Los códigos sirven una sola vez y durante unos minutos; empiece allí de nuevo para obtener otro.
user-code-throttled = Se han probado demasiados códigos.
user-code-throttled-advice = Espere unos minutos e inténtelo de nuevo.
user-code-stale-advice = Introduzca de nuevo el código. Si vuelve a ocurrir, permita las cookies de este sitio.
device-title = ¿Permitir este dispositivo?
device-question = ¿Tiene este dispositivo delante?
device-asks = Un dispositivo con { $app } quiere usar su cuenta
device-elsewhere = Esta solicitud viene de una red distinta de la suya.
device-elsewhere-advice = Puede ser normal, por ejemplo si usa datos móviles. Si el dispositivo no está con usted, o si otra persona le dio el código, elija «Rechazar».
device-code = Código en el dispositivo
device = Dispositivo
device-address = Dirección
device-asked = Solicitado
device-nothing = La aplicación solo pide saber quién es usted.
device-may = La aplicación de este dispositivo podrá
device-care = Permítalo solo si ve este código en un dispositivo que está usando ahora mismo.
device-anybody = Cualquier programa puede darse el nombre de esta aplicación.
device-connected = Su dispositivo está conectado
device-connected-lead = { $app } ya puede usar su cuenta. Vuelva a su dispositivo; puede cerrar esta página.
device-refused = Ha rechazado el dispositivo
device-refused-lead = No obtiene nada de su cuenta. Puede cerrar esta página.
device-answered = Este código ya se usó
device-answered-lead = No se ha cambiado nada. Mire su dispositivo; para empezar de nuevo, pídale un código nuevo.

# El nombre de un navegador, como «Firefox en Linux».
browser-on = { $program } en { $system }
browser-unknown-on = Navegador desconocido en { $system }
browser-unknown = Dispositivo desconocido
browser-program = Un programa de { $language }
browser-app = Una aplicación de { $system }
browser-tv = un televisor

## Moments

just-now = ahora mismo
ago-minutes =
    { $count ->
        [one] hace { $count } minuto
       *[other] hace { $count } minutos
    }
ago-hours =
    { $count ->
        [one] hace { $count } hora
       *[other] hace { $count } horas
    }
ago-days =
    { $count ->
        [one] hace { $count } día
       *[other] hace { $count } días
    }
ago-months =
    { $count ->
        [one] hace { $count } mes
       *[other] hace { $count } meses
    }
ago-years =
    { $count ->
        [one] hace { $count } año
       *[other] hace { $count } años
    }
moment =
    { $day } de { $month ->
        [1] enero
        [2] febrero
        [3] marzo
        [4] abril
        [5] mayo
        [6] junio
        [7] julio
        [8] agosto
        [9] septiembre
        [10] octubre
        [11] noviembre
       *[12] diciembre
    } de { $year }, { $time } UTC

## The account

account-overview = Resumen
account-profile = Perfil
account-password = Contraseña
account-devices = Dispositivos
account-apps = Aplicaciones
profile-summary = Su nombre, cómo localizarle y qué más pueden saber las aplicaciones
password-summary = Elegir una nueva
devices-summary =
    { $count ->
        [one] Sesión iniciada solo aquí
       *[other] Sesión iniciada en { $count } dispositivos
    }
apps-summary =
    { $count ->
        [0] Ninguna aplicación puede usar su cuenta
        [one] { $count } aplicación puede usar su cuenta
       *[other] { $count } aplicaciones pueden usar su cuenta
    }

notice-saved = Sus cambios se han guardado.
notice-unchanged = No había nada distinto, así que no se ha cambiado nada.
notice-password = Su contraseña ha cambiado. Aquí su sesión sigue abierta; en los demás sitios se ha cerrado, y las aplicaciones han perdido su acceso hasta que vuelva a usarlas.
notice-session = Se ha cerrado la sesión de ese dispositivo.
notice-sessions = Se ha cerrado la sesión en todos los demás sitios.
notice-session-unknown = La sesión de ese dispositivo ya estaba cerrada.
notice-withdrawn = La aplicación ya no puede usar su cuenta.

pages-of-list = Páginas de esta lista
page-previous = Anterior
page-next = Siguiente
page-number = Página { $page } de { $pages }

## The account: profile

profile-lead = Las aplicaciones solo conocen de esto lo que usted les permita. Deje vacío lo que no quiera indicar.
profile-fixed = Para cambiar otra cosa, pregunte al operador de este servicio.
profile-refused = Todavía no se ha guardado nada.
profile-look-again = Revise: { $lines }.
contact = Cómo localizarle
contact-lead = Una dirección o un número nuevos quedan sin verificar hasta que el operador de este servicio los verifique.
contact-change = Cambiar la dirección de correo o el número de teléfono
verified = verificado
not-verified = sin verificar
save = Guardar

group-name = Nombre
group-about = Sobre usted
group-web = En la web
group-address = Dirección postal

field-name = Nombre completo
field-name-hint = Tal como lo muestran las aplicaciones.
field-given-name = Nombre
field-middle-name = Segundo nombre
field-family-name = Apellidos
field-nickname = Apodo
field-preferred-username = Nombre en las aplicaciones
field-gender = Género
field-birthdate = Fecha de nacimiento
field-birthdate-hint = AAAA-MM-DD, o solo el año.
field-picture = Imagen
field-picture-hint = La dirección de una imagen, con https://.
field-profile = Página de perfil
field-website = Sitio web
field-locale = Idioma
field-locale-hint = Un código como es o fr-CA.
field-zoneinfo = Zona horaria
field-zoneinfo-hint = Un nombre como Europe/Madrid.
field-street-address = Calle y número
field-postal-code = Código postal
field-locality = Ciudad
field-region = Estado o provincia
field-country = País
field-email = Correo electrónico
field-phone-number = Número de teléfono
field-phone-number-hint = Con el prefijo del país, como +34 910 000 000.

claim-empty = Escriba algo o déjelo vacío.
claim-too-long = Use como máximo { $count } caracteres.
claim-control = Quite los caracteres invisibles; péguelo como texto sin formato.
claim-not-web-address = Use una dirección que empiece por https:// o http://.
claim-not-email = No es una dirección de correo electrónico. Ejemplo: alice@example.com.
claim-not-birthdate = Escríbala como AAAA-MM-DD, o indique solo el año.
claim-not-phone-number = No es un número de teléfono. Ejemplo: +34 910 000 000.
claim-not-locale = Use un código de idioma como es o fr-CA.
claim-not-zoneinfo = Use el nombre de una zona horaria como Europe/Madrid.
claim-not-usable = Esta dirección no se puede usar aquí. Elija otra.

## The account: password

password-change = Cambie su contraseña
password-lead = Aquí su sesión sigue abierta. En los demás sitios se cerrará, y las aplicaciones perderán su acceso hasta que vuelva a usarlas.
password-button = Cambiar contraseña
password-current = Contraseña actual
password-new = Contraseña nueva
password-new-hint = Al menos { $count } caracteres. Unas cuantas palabras sin relación son fáciles de recordar.
password-again = Contraseña nueva otra vez
password-unchanged = No se ha cambiado nada.
password-refused = Su contraseña aún no ha cambiado.
password-refused-advice = Mire abajo y escriba de nuevo las tres.
password-current-missing = Escriba su contraseña actual.
password-current-wrong = Esta no es su contraseña actual.
password-same = Esta es la contraseña que ya tiene.
password-different = No coincide. Escriba ambas de nuevo.
password-too-short = Use al menos { $count } caracteres. Unas cuantas palabras sin relación son fáciles de recordar.
password-too-long = Use como máximo { $count } caracteres.
password-common = Esta contraseña es de las primeras que prueban los atacantes. Elija una que otros no usen.
password-personal = Esta contraseña es su nombre, su correo electrónico o el nombre de este servicio. Elija algo sin relación.
password-repetitive = Esta contraseña repite los mismos caracteres. Mezcle otros, por ejemplo unas cuantas palabras sin relación.

## The account: devices

sessions = Dónde ha iniciado sesión
sessions-lead = Cierre la sesión de lo que no conozca o ya no use. ¿Ha entrado otra persona? Cambie también su contraseña.
session-current = este dispositivo
signed-in-when = sesión iniciada { $when }
last-used-when = último uso { $when }
session-sign-out = Cerrar la sesión de { $device }, último uso { $when }
sessions-sign-out = Cerrar sesión en los demás sitios
sessions-ask-password = Primero se le pedirá su contraseña.
sessions-see-apps = Las aplicaciones que pueden seguir conectadas en su ausencia están en «Aplicaciones».
sessions-none = No ha iniciado sesión en ningún otro sitio.

## The account: apps

apps = Aplicaciones con acceso
apps-lead = Estas aplicaciones pueden usar su cuenta para lo que usted les permitió.
apps-none = Ninguna aplicación puede usar su cuenta.
app-knows-little = Solo sabe que usted ha iniciado sesión
app-knows-little-sentence = Esta aplicación solo sabe que usted ha iniciado sesión.
allowed-when = permitida { $when }
app-remove = Retirar
app-remove-of = Retirar el acceso de { $app }
remove-question = ¿Retirar el acceso?
remove-of = { $app } puede usar su cuenta
app-may = Esta aplicación puede
remove-effect = Si continúa, ya no podrá acceder a su cuenta, de inmediato y en todos los dispositivos. Conserva lo que ya haya sabido o guardado.
remove-trusted = El operador de este servicio responde por ella: cuando vuelva a usarla, obtendrá el acceso sin preguntar.
remove-asks = Cuando vuelva a usarla, tendrá que pedírselo.
keep = Conservar
remove = Retirar el acceso
