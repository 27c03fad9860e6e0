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
error-reference = Si pide ayuda, mencione { $reference }

for-developers = Para quienes desarrollan la aplicación
hint-client-id-missing = Envíe client_id con la solicitud de autorización.
hint-client-unknown = Ningún cliente utilizable tiene este client_id. Compárelo con el que se registró.
hint-redirect-uri-missing = Envíe redirect_uri: una de las registradas para el cliente.
hint-redirect-uri-unregistered = redirect_uri debe ser igual a una registrada, carácter por carácter. Solo puede diferir el puerto de una dirección de bucle local (http://127.0.0.1, http://[::1], http://localhost).
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri debe coincidir, carácter por carácter, con una dirección registrada. Solo puede diferir el puerto de una dirección de bucle local.
hint-parameter-repeated = Envíe cada parámetro una sola vez.
hint-parameter-malformed = Envíe los parámetros en UTF-8 con codificación porcentual y sin NUL.
hint-request = Compare la solicitud con la RFC 6749, sección 4.1.1.
